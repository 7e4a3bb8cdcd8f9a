"""Real brokers on this machine, with nothing but Python: Kafka and Pulsar of pinned jars."""
