"""Every rule over synthetic series: what raises it, what brings it back, and what must not."""

from collections.abc import Mapping

import pytest

from infra.alarm_rule import Rule
from infra.alarm_rules import rules
from infra.composites import composites
from infra.settings import Settings
from tests.unit.infra.worlds import Values, World, of, states, without

RULES = {rule.id: rule for rule in rules(Settings(quiet_minutes=30).objectives)}
UNASKED = {rule.id: rule for rule in rules(Settings().objectives)}
HOUR = 60
AUDIT_MINUTES = 5

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)


def idle(minute: int) -> Values:
    """A minute in which nobody sends: the canary, the timers and what they measure."""
    return {
        "stream.IncomingRecords": 1,
        "stream.GetRecords.IteratorAgeMilliseconds": 0,
        "function.Errors": 0,
        "function.Throttles": 0,
        "function.Duration": 400,
        "function.IteratorAge": 1_200,
        "sweeper.Invocations": 1,
        "sweeper.Errors": 0,
        "probe.Errors": 0,
        "pipeline.OldestEventAge": 0,
        "pipeline.CanaryFound": 1,
        "pipeline.EventsReceived": 1,
        "pipeline.EventsQuarantined": 0,
        "pipeline.RangesLost": 0,
        "pipeline.FilesPublished": 1,
        "pipeline.BytesPublished": 3_000,
        **(audit() if minute % AUDIT_MINUTES == 0 else {}),
    }


def audit(**found: float) -> Values:
    """What an audit reports, all of it at once."""
    clean = {"ConservationGap": 0, "AuditLost": 0, "AuditDuplicated": 0, "AuditAltered": 0}
    return {"auditor.Errors": 0, **{f"pipeline.{k}": v for k, v in {**clean, **found}.items()}}


def normal(minute: int) -> Values:
    """A minute of 2,000 events a second: a burst was refused once, a few events are bad."""
    return {
        **idle(minute),
        "stream.IncomingRecords": 6_000,
        "stream.WriteProvisionedThroughputExceeded": 40 if minute % 10 == 3 else 0,
        "stream.ReadProvisionedThroughputExceeded": 2 if minute % AUDIT_MINUTES == 0 else 0,
        "function.Duration": 2_500,
        "pipeline.OldestEventAge": 2_800,
        "pipeline.EventsReceived": 120_000,
        "pipeline.EventsQuarantined": 60,
        "pipeline.FilesPublished": 180,
        "pipeline.BytesPublished": 180 * 60_000,
    }


def first_minutes(minute: int) -> Values:
    """A stack's first minutes: functions start cold, and no canary has come through yet."""
    late = {"pipeline.CanaryFound", "pipeline.OldestEventAge", "sweeper.Invocations"}
    kept = {k: v for k, v in idle(minute).items() if k not in late and minute > 0}
    if minute == 0:
        return {}
    return {
        **kept,
        "sweeper.Invocations": 1,
        "pipeline.OldestEventAge": 20_000,
        "function.Duration": 9_000,
        "function.IteratorAge": 12_000,
    }


def alarmed(world: World, chosen: Mapping[str, Rule] = UNASKED) -> set[str]:
    """Return the alarms that were on at any time."""
    return {rule.id for rule in chosen.values() if "ALARM" in states(rule, world)}


def test_an_idle_stream_raises_nothing() -> None:
    assert alarmed(of(4 * HOUR, (0, idle))) == set()


def test_an_idle_stream_is_ok_and_not_merely_unknown() -> None:
    world = of(2 * HOUR, (0, idle))
    assert {rule.id for rule in UNASKED.values() if states(rule, world)[-1] != "OK"} == set()


def test_a_first_deploy_raises_nothing() -> None:
    assert alarmed(of(HOUR, (0, first_minutes), (3, idle)), RULES) <= {"quiet-stream"}
    assert alarmed(of(20, (0, first_minutes), (3, idle)), RULES) == set()


@every_rule
def test_a_stack_of_which_nothing_has_spoken_yet_raises_nothing(rule: Rule) -> None:
    assert "ALARM" not in states(rule, [{} for _ in range(3 * HOUR)])


def test_ten_minutes_of_normal_load_raise_nothing_on_a_new_stack_or_an_old_one() -> None:
    new = of(30, (0, first_minutes), (3, normal), (13, idle))
    old = of(4 * HOUR, (0, idle), (HOUR, normal), (HOUR + 10, idle))
    assert alarmed(new) == alarmed(old) == set()


def test_a_day_of_normal_load_raises_nothing() -> None:
    assert alarmed(of(24 * HOUR, (0, normal)), RULES) == set()


TROUBLE: Mapping[str, tuple[int, Values]] = {
    "age-against-retention": (10, {"stream.GetRecords.IteratorAgeMilliseconds": 50_000_000}),
    "oldest-event-age": (10, {"pipeline.OldestEventAge": 400_000}),
    "iterator-age": (10, {"function.IteratorAge": 400_000}),
    "function-errors": (5, {"function.Errors": 1}),
    "function-throttles": (5, {"function.Throttles": 3}),
    "function-duration": (1, {"function.Duration": 55_000}),
    "watcher-errors": (2, {"probe.Errors": 1}),
    "write-throttles": (5, {"stream.WriteProvisionedThroughputExceeded": 100}),
    "read-throttles": (6, {"stream.ReadProvisionedThroughputExceeded": 5}),
    "on-failure-objects": (1, {"mapping.OnFailureDestinationDeliveredEventCount": 1}),
    "records-lost": (1, {"pipeline.RangesLost": 1}),
    "conservation-broken": (1, audit(ConservationGap=-1)),
    "duplicates-found": (1, audit(AuditAltered=1)),
    "quarantine-rate": (4, {"pipeline.EventsQuarantined": 12_000}),
    "small-files": (2 * HOUR, {"pipeline.BytesPublished": 180 * 1_000}),
    "quiet-stream": (40, {"stream.IncomingRecords": 1}),
}
"""How long what lasts, in a stream under normal load, that its alarm must go on."""


@pytest.mark.parametrize("identifier", TROUBLE)
def test_trouble_raises_its_alarm_which_goes_off_again_by_itself(identifier: str) -> None:
    minutes, values = TROUBLE[identifier]
    start = 2 * HOUR
    world = of(
        start + minutes + 3 * HOUR,
        (0, normal),
        (start, lambda minute: {**normal(minute), **values}),
        (start + minutes, normal),
    )
    seen = states(RULES[identifier], world)
    length = RULES[identifier].period_seconds // 60
    assert "ALARM" not in seen[: start // length]
    assert "ALARM" in seen[start // length :]
    assert seen[-1] == "OK"


def test_every_rule_has_its_trouble() -> None:
    assert {*TROUBLE, "canary-not-seen"} == set(RULES)


@pytest.mark.parametrize("found", [{"ConservationGap": 2}, {"AuditLost": 1}])
def test_a_loss_that_a_copy_cancels_out_is_still_broken_conservation(
    found: Mapping[str, float],
) -> None:
    world = of(HOUR, (0, idle), (31, lambda _: audit(**found)), (32, idle))
    assert "ALARM" in states(RULES["conservation-broken"], world)


PROBES = ("probe.", "pipeline.CanaryFound", "pipeline.OldestEventAge")


def test_a_canary_that_does_not_arrive_alarms_and_one_that_does_again_ends_it() -> None:
    lost = without(normal, "pipeline.CanaryFound")
    seen = states(RULES["canary-not-seen"], of(HOUR, (0, normal), (20, lost), (40, normal)))
    assert seen[20:24] == ["OK", "OK", "OK", "ALARM"]
    assert (seen[39], seen[41], seen[-1]) == ("ALARM", "OK", "OK")


def test_a_probe_that_is_dead_pages_although_it_says_nothing() -> None:
    world = of(HOUR, (0, idle), (20, without(idle, *PROBES)), (40, idle))
    assert alarmed(world) == {"canary-not-seen"}
    # And what it can no longer measure is told as unknown, not as well.
    assert states(RULES["oldest-event-age"], world)[39] == "INSUFFICIENT_DATA"
    assert states(RULES["oldest-event-age"], world)[-1] == "OK"


def test_where_no_timer_fires_at_all_silence_is_told() -> None:
    dead = without(normal, *PROBES, "sweeper.", "auditor.", "pipeline.Audit", "pipeline.Conserv")
    world = of(2 * HOUR, (0, normal), (HOUR, dead))
    for identifier in ("canary-not-seen", "oldest-event-age", "conservation-broken"):
        assert RULES[identifier].silence_tells
        assert states(RULES[identifier], world)[-1] == "INSUFFICIENT_DATA"


def test_a_function_that_only_ever_times_out_is_told_at_any_time_out() -> None:
    for seconds in (60, 120, 900):
        chosen = {r.id: r for r in rules(Settings(run_seconds_max=seconds).objectives)}
        every = -(-(seconds + 1) // 60)
        times_out = {"function.Errors": 1.0, "function.Duration": seconds * 1_000.0}

        def failing(minute: int, every: int = every, values: Values = times_out) -> Values:
            ended = values if minute % every == 0 else {}
            return {**without(normal, "function.")(minute), **ended}

        world = of(3 * HOUR, (0, normal), (30, failing))
        assert states(chosen["function-errors"], world)[-1] == "ALARM"
        assert states(chosen["function-duration"], world)[-1] == "ALARM"


def test_a_rare_bad_event_on_an_idle_stream_wakes_nobody() -> None:
    bad = {"pipeline.EventsReceived": 2.0, "pipeline.EventsQuarantined": 1.0}
    world = of(HOUR, (0, idle), (30, lambda minute: {**idle(minute), **bad}), (31, idle))
    assert alarmed(world) == set()


def test_a_slow_stream_of_small_files_is_not_yet_many() -> None:
    slow = {"pipeline.FilesPublished": 10.0, "pipeline.BytesPublished": 10 * 2_000.0}
    assert alarmed(of(4 * HOUR, (0, lambda minute: {**idle(minute), **slow}))) == set()


def test_one_incident_pages_once() -> None:
    """A dead function trips several alarms: each is in one composite, which goes on once."""
    dead = without(normal, "function.", "pipeline.CanaryFound")
    late = {"pipeline.OldestEventAge": 900_000.0, "stream.IncomingRecords": 6_000.0}
    world = of(HOUR, (0, normal), (20, lambda minute: {**dead(minute), **late}))
    on = alarmed(world)
    assert {"oldest-event-age", "canary-not-seen"} <= on
    paging = [page.id for page in composites(tuple(UNASKED.values())) if on & set(page.members)]
    assert paging == ["lake-is-late"]
