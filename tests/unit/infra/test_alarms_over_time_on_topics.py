"""The rules of a stack on a topic over synthetic series: what raises each, and what must not."""

from collections.abc import Mapping

import pytest

from infra.alarm_rule import Rule
from infra.alarm_rules_worker import worker_rules
from infra.composites import composites
from infra.settings import Settings
from infra.watched_topic import topic_of
from tests.unit.infra.worlds import Values, World, of, states, without


def rules_of(settings: Settings) -> dict[str, Rule]:
    return {rule.id: rule for rule in worker_rules(settings.objectives, topic_of(settings))}


ON_PULSAR = rules_of(Settings(stream="pulsar", pulsar_backlog_gb_max=50, quiet_minutes=30))
ON_KAFKA = rules_of(Settings(stream="kafka", quiet_minutes=30))
UNASKED = rules_of(Settings(stream="pulsar", pulsar_backlog_gb_max=50))
STACKS = {"kafka": ON_KAFKA, "pulsar": ON_PULSAR}
HOUR = 60
WATCHER = (
    *("pipeline.OldestEventAge", "pipeline.CanaryFound", "pipeline.RecordsBehind"),
    *("pipeline.BrokersMissing", "pipeline.UnderReplicated", "pipeline.BookieDiskUsed"),
    *("pipeline.BacklogOfQuota", "pipeline.CertificateDaysLeft"),
)
WORKERS = ("pipeline.OldestHeldAge", "pipeline.Events", "pipeline.Ranges", "pipeline.Files")


def idle(_: int) -> Values:
    """A minute in which nobody sends: the canary, and what workers, watcher and brokers tell."""
    return {
        "pipeline.OldestHeldAge": 0,
        "pipeline.EventsReceived": 0,
        "pipeline.EventsQuarantined": 0,
        "pipeline.RangesLost": 0,
        "pipeline.FilesPublished": 0,
        "pipeline.BytesPublished": 0,
        "pipeline.OldestEventAge": 60,
        "pipeline.CanaryFound": 1,
        "pipeline.RecordsBehind": 1,
        "pipeline.BrokersMissing": 0,
        "pipeline.UnderReplicated": 0,
        "pipeline.BookieDiskUsed": 35,
        "pipeline.BacklogOfQuota": 0,
        "pipeline.CertificateDaysLeft": 200,
        **{f"brokers.KafkaDataLogsDiskUsed.{broker}": 40 for broker in (1, 2, 3)},
    }


def normal(minute: int) -> Values:
    """A minute of 2,000 events a second; a broker is patched and back within three minutes."""
    patched = minute % (8 * HOUR) in (100, 101, 102)
    return {
        **idle(minute),
        "pipeline.OldestHeldAge": 900,
        "pipeline.OldestEventAge": 1_900,
        "pipeline.EventsReceived": 120_000,
        "pipeline.EventsQuarantined": 60,
        "pipeline.FilesPublished": 15,
        "pipeline.BytesPublished": 15 * 60_000,
        "pipeline.RecordsBehind": 900,
        "pipeline.BrokersMissing": 1 if patched else 0,
        "pipeline.UnderReplicated": 4 if patched else 0,
    }


def first_minutes(minute: int) -> Values:
    """The watcher speaks before the first canary is through."""
    return without(idle, "pipeline.CanaryFound")(minute) if minute else {}


TROUBLE: Mapping[str, tuple[int, Values]] = {
    "age-against-retention": (10, {"pipeline.OldestEventAge": 50_000_000}),
    "oldest-event-age": (10, {"pipeline.OldestEventAge": 400_000}),
    "consumer-lag": (15, {"pipeline.RecordsBehind": 90_000}),
    "broker-down": (6, {"pipeline.BrokersMissing": 1}),
    "under-replicated": (20, {"pipeline.UnderReplicated": 2}),
    "broker-disk": (
        10,
        {"pipeline.BookieDiskUsed": 81, "brokers.KafkaDataLogsDiskUsed.2": 81},
    ),
    "backlog-near-quota": (10, {"pipeline.BacklogOfQuota": 85}),
    "broker-certificate": (1, {"pipeline.CertificateDaysLeft": 29.9}),
    "records-lost": (1, {"pipeline.RangesLost": 1}),
    "quarantine-rate": (4, {"pipeline.EventsQuarantined": 12_000}),
    "small-files": (
        2 * HOUR,
        {"pipeline.FilesPublished": 180, "pipeline.BytesPublished": 180 * 1_000},
    ),
    "quiet-stream": (40, {"pipeline.EventsReceived": 0}),
}
"""How long what lasts, in a stream under normal load, that its alarm must go on."""


def alarmed(world: World, chosen: Mapping[str, Rule]) -> set[str]:
    return {rule.id for rule in chosen.values() if "ALARM" in states(rule, world)}


def test_an_idle_stream_is_ok_and_raises_nothing() -> None:
    world = of(3 * HOUR, (0, idle))
    assert alarmed(world, UNASKED) == set()
    assert {rule.id for rule in UNASKED.values() if states(rule, world)[-1] != "OK"} == set()


@pytest.mark.parametrize("stream", STACKS)
def test_a_day_of_normal_load_raises_nothing(stream: str) -> None:
    assert alarmed(of(24 * HOUR, (0, normal)), STACKS[stream]) == set()


@pytest.mark.parametrize("stream", STACKS)
def test_a_first_deploy_raises_nothing(stream: str) -> None:
    assert alarmed(of(20, (0, first_minutes), (3, idle)), STACKS[stream]) == set()
    assert alarmed([{} for _ in range(3 * HOUR)], STACKS[stream]) == set()


@pytest.mark.parametrize(
    ("stream", "identifier"),
    [(s, rule) for s, chosen in STACKS.items() for rule in TROUBLE if rule in chosen],
)
def test_trouble_raises_its_alarm_which_goes_off_again_by_itself(
    stream: str, identifier: str
) -> None:
    minutes, values = TROUBLE[identifier]
    start = 2 * HOUR
    world = of(
        start + minutes + 3 * HOUR,
        (0, normal),
        (start, lambda minute: {**normal(minute), **values}),
        (start + minutes, normal),
    )
    rule = STACKS[stream][identifier]
    seen = states(rule, world)
    length = rule.period_seconds // 60
    assert "ALARM" not in seen[: start // length]
    assert "ALARM" in seen[start // length :]
    assert seen[-1] == "OK"


def test_every_rule_has_its_trouble() -> None:
    assert {*TROUBLE, "canary-not-seen"} == {*ON_KAFKA, *ON_PULSAR}


def test_a_watcher_that_is_dead_pages_although_it_says_nothing() -> None:
    world = of(HOUR, (0, idle), (20, without(idle, *WATCHER)), (40, idle))
    assert alarmed(world, UNASKED) == {"canary-not-seen"}
    assert states(UNASKED["oldest-event-age"], world)[39] == "INSUFFICIENT_DATA"
    assert states(UNASKED["canary-not-seen"], world)[-1] == "OK"


def test_workers_that_are_dead_page_by_what_waits_and_by_the_canary() -> None:
    def dead(minute: int) -> Values:
        late = {"pipeline.OldestEventAge": 60_000.0 * (minute - 20), "pipeline.RecordsBehind": 9e5}
        return {**without(normal, *WORKERS, "pipeline.CanaryFound")(minute), **late}

    world = of(HOUR, (0, normal), (20, dead))
    on = alarmed(world, UNASKED)
    assert on == {"canary-not-seen", "consumer-lag", "oldest-event-age"}
    paging = [page.id for page in composites(tuple(UNASKED.values())) if on & set(page.members)]
    assert paging == ["lake-is-late"]


def test_where_neither_speaks_silence_is_told_and_is_no_alarm() -> None:
    world = of(2 * HOUR, (0, normal), (HOUR, without(normal, *WATCHER, *WORKERS)))
    for identifier in ("canary-not-seen", "oldest-event-age"):
        assert UNASKED[identifier].silence_tells
        assert states(UNASKED[identifier], world)[-1] == "INSUFFICIENT_DATA"


def test_a_broker_that_is_away_tells_nothing_of_its_disk_and_the_others_do() -> None:
    full = {"brokers.KafkaDataLogsDiskUsed.3": 95.0}
    away = without(lambda minute: {**idle(minute), **full}, "brokers.KafkaDataLogsDiskUsed.1")
    assert "ALARM" in states(ON_KAFKA["broker-disk"], of(20, (0, away)))
