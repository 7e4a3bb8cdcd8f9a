"""The watcher of a topic: what waits, the canary and the brokers, seen from beside the workers."""
