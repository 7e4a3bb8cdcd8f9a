"""What a watcher is told by its environment, and how a mistake in it reads."""

import pytest

from pipeline import names
from pipeline.environment import WatcherSettings
from pipeline.errors import UserError
from pipeline.watcher.settings import Watched

LEAST = {
    names.ENV_CONNECTION: '{"kind":"kafka","bootstrap_servers":"b:9092","topic":"t"}',
    names.ENV_LEDGER_TABLE: "ledger",
    names.ENV_LAKE_BUCKET: "lake",
}


def test_the_least_is_what_a_worker_is_told_and_nothing_is_expected() -> None:
    settings = WatcherSettings.from_environment(LEAST)
    assert settings.watched == Watched()
    assert settings.watch_seconds == 60


def test_what_is_watched_goes_through_the_variable_as_it_is() -> None:
    watched = Watched(
        brokers=3,
        bookies=6,
        backlog_bytes_max=10**9,
        admin_url="https://brokers.example:8443",
        bookie_url="http://bookies.example:8000",
    )
    told = WatcherSettings.from_environment({**LEAST, names.ENV_WATCH: watched.to_json()})
    assert told.watched == watched


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (names.ENV_WATCH, "three brokers"),
        (names.ENV_WATCH, '{"brokers":0}'),
        (names.ENV_WATCH, '{"broker":3}'),
        (names.ENV_WATCH, '{"admin_url":"https://b:8443/admin/v2"}'),
        (names.ENV_WATCH, '{"bookie_url":"b:8000"}'),
        (names.ENV_WATCH_SECONDS, "0"),
        (names.ENV_CONNECTION, ""),
    ],
)
def test_a_mistake_is_told_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(UserError, match=f"the watcher's environment is wrong: {variable}"):
        WatcherSettings.from_environment({**LEAST, variable: value})
