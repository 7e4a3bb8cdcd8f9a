"""The session's brokers, and brokers of a test's own that it may stop and kill."""

from tests.brokers import kafka, pulsar

__all__ = ["kafka", "pulsar"]
