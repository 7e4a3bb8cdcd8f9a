"""Who a token speaks for."""

from typing import Final

ADMIN: Final = "admin"
"""Makes tenants, topics and rights; on the brokers' own machines alone."""
BROKER: Final = "broker"
"""A broker that calls another."""
PRODUCER: Final = "producer"
WORKER: Final = "worker"
ROLES: Final = (ADMIN, BROKER, PRODUCER, WORKER)
