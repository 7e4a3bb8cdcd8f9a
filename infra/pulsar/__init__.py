"""A Pulsar cluster as text: configuration files, systemd units and user data, without I/O."""
