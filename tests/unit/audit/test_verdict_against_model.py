"""Random histories, lakes and quarantines: the queries agree with the definition in Python."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audit.verdict import Validity

Row = dict[str, Any]
numbers = st.integers(0, 7)
sends = st.builds(
    dict,
    number=numbers,
    answer=st.sampled_from(["acknowledged", "acknowledged", "unknown", "refused"]),
    poison=st.booleans(),
)
rows = st.builds(
    dict,
    number=st.integers(0, 9),
    position=st.integers(0, 12) | st.integers(10**55, 10**55 + 3),
    index=st.integers(0, 2),
    shard=st.sampled_from(["s0", "s1"]),
    wrong=st.integers(0, 4).map(lambda draw: draw == 0),
)
quarantined = st.builds(
    dict,
    number=st.integers(0, 9),
    how=st.sampled_from(["named", "named", "masked", "unreadable", "conflict"]),
)


def fate_of(answer: str, in_lake: int, in_quarantine: int) -> str:
    if in_lake:
        return "stored"
    if in_quarantine:
        return "quarantined"
    return {"acknowledged": "lost", "unknown": "indeterminate", "refused": "refused_absent"}[answer]


def late_rows(lake: list[Row], excluded: set[str]) -> int:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in lake:
        if row["id"] not in excluded:
            groups[row["shard"], row["producer"], row["key"]].append(row)
    late = 0
    for group in groups.values():
        group.sort(key=lambda row: (int(row["position"]), row["index"]))
        for place, row in enumerate(group):
            late += any(row["sequence"] < earlier["sequence"] for earlier in group[:place])
    return late


def model(run: Any) -> dict[str, int]:
    """Return the account of a run as its definition says, id by id."""
    sent = {row["id"]: row for row in run.history}
    lake = Counter(row["id"] for row in run.lake)
    wrong = {row["id"] for row in run.lake if row["checksum"] != row["sequence"]}
    named = {row["id"] for row in run.quarantine if row["id"]}
    firm = {row["id"] for row in run.quarantine if row["reason"] == "wrong-type"} & named
    masked = {row["shows"] for row in run.quarantine if row["shows"]}
    unidentified = sum((row["id"] or row["shows"]) not in sent for row in run.quarantine)
    fates = {
        event_id: fate_of(row["answer"], lake[event_id], event_id in named | masked)
        for event_id, row in sent.items()
    }
    lost_poison = sum(
        fate == "lost" and sent[event_id]["poison"] for event_id, fate in fates.items()
    )
    by_position = min(lost_poison, unidentified)
    counted = Counter(fates.values())
    places = Counter((row["position"], row["index"]) for row in run.quarantine)
    return {
        "sent": len(sent),
        "stored": counted["stored"],
        "quarantined": counted["quarantined"] + by_position,
        "lost": counted["lost"] - by_position,
        "indeterminate": counted["indeterminate"],
        "refused_absent": counted["refused_absent"],
        "duplicated": sum(count > 1 for count in lake.values()),
        "altered": len(wrong & sent.keys()),
        "never_sent": len(lake.keys() - sent.keys()),
        "stored_poison": sum(
            sent[event_id]["poison"] and event_id not in run.replayed
            for event_id in lake.keys() & sent.keys()
        ),
        "stored_and_quarantined": len((lake.keys() & firm) - run.replayed),
        "quarantined_twice": sum(count > 1 for count in places.values()),
        "out_of_order": late_rows(
            run.lake,
            run.replayed | masked | {event_id for event_id, count in lake.items() if count > 1},
        ),
        "rows": len(run.lake),
    }


def build(
    new_run: Callable[[], Any], histories: list[Row], lake: list[Row], aside: list[Row]
) -> Any:
    run = new_run()
    for send in histories:
        run.send(send["number"], answer=send["answer"], poison=send["poison"])
    for row in lake:
        number = row["number"]
        place = {name: row[name] for name in ("position", "index", "shard")}
        run.store(number, checksum=number + 1 if row["wrong"] else number, **place)
    for row in aside:
        event_id = run.event_id(row["number"])
        shows = event_id if row["how"] == "masked" else None
        run.put_aside(
            row["number"],
            id=event_id if row["how"] in ("named", "conflict") else None,
            reason="conflicting-duplicate" if row["how"] == "conflict" else "wrong-type",
            raw=f'{{"id":"{shows}"}}'.encode() if shows else b"\xff",
        )
        run.quarantine[-1]["shows"] = shows
    return run


def test_the_account_equals_the_definition(new_run: Callable[[], Any]) -> None:
    @settings(
        max_examples=120,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        st.lists(sends, min_size=1, max_size=8, unique_by=lambda send: send["number"]),
        st.lists(rows, max_size=12),
        st.lists(quarantined, max_size=5),
        st.sets(numbers, max_size=2),
    )
    def agree(histories: list[Row], lake: list[Row], aside: list[Row], again: set[int]) -> None:
        run = build(new_run, histories, lake, aside)
        run.replayed = {run.event_id(number) for number in again}
        expected = model(run)
        verdict = run.judged()
        assert {name: getattr(verdict.account, name) for name in expected} == expected
        assert verdict.reasons == ()
        violated = any(expected[kind] for kind in verdict.violations)
        assert verdict.validity is (Validity.INVALID if violated else Validity.VALID)
        assert {example.kind for example in verdict.examples} >= {
            kind for kind, count in verdict.violations.items() if count and kind != "lost"
        }

    agree()
