"""Who a token speaks for."""

from typing import Final

ADMIN: Final = "admin"
"""Makes tenants, topics and rights; on the brokers' own machines alone."""
BROKER: Final = "broker"
"""A broker that calls another."""
PRODUCER: Final = "producer"
WORKER: Final = "worker"
WATCHER: Final = "watcher"
"""Reads the topic, sends it canaries, and asks how brokers and bookies are."""
ROLES: Final = (ADMIN, BROKER, PRODUCER, WORKER, WATCHER)
