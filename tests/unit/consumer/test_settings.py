"""What a worker is told by its environment, and how a mistake in it reads."""

import pytest

from pipeline import names
from pipeline.environment import WorkerSettings
from pipeline.errors import UserError
from pipeline.sources.connections import KafkaConnection

LEAST = {
    names.ENV_CONNECTION: '{"kind":"kafka","bootstrap_servers":"b:9092","topic":"t"}',
    names.ENV_LEDGER_TABLE: "ledger",
    names.ENV_LAKE_BUCKET: "lake",
}


def test_the_least_is_a_connection_a_ledger_and_a_lake() -> None:
    settings = WorkerSettings.from_environment(LEAST)

    assert settings.connection == KafkaConnection(bootstrap_servers="b:9092", topic="t")
    assert settings.grace_seconds < 30


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (names.ENV_CONNECTION, "kafka"),
        (names.ENV_CONNECTION, '{"kind":"nats"}'),
        (names.ENV_CONNECTION, '{"kind":"kinesis","stream":"s","topic":"t"}'),
        (names.ENV_WORKER_THREADS, "0"),
        (names.ENV_RUN_SECONDS_MAX, "1000"),
        (names.ENV_LAKE_BUCKET, ""),
    ],
)
def test_a_mistake_is_told_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(UserError, match=variable):
        WorkerSettings.from_environment({**LEAST, variable: value})
