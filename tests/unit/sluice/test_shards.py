"""What `sluice shards` shows of a topic: its partitions."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.core.records import Position
from sluice import shards
from sluice.__main__ import sluice


def test_the_first_offset_of_a_partition_is_a_position(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"first": Position(0), "later": Position(7), "idle": None}
    told = [SimpleNamespace(shard=name, committed=place) for name, place in places.items()]
    stack = SimpleNamespace(connection=SimpleNamespace(kind="kafka"))
    worker: Any = nullcontext(SimpleNamespace(pending=lambda: told))
    monkeypatch.setattr(shards.stacks, "find", lambda *_: stack)
    monkeypatch.setattr(shards, "worker_of", lambda _: worker)

    shown = CliRunner().invoke(sluice, ["shards", "show", "--stack", "s"])

    assert shown.exit_code == 0, shown.output
    rows = [line.split() for line in shown.output.splitlines()]
    said = {row[1]: row[3:-1] for row in rows if row[1:2] and row[1] in places}
    assert said == {"first": ["0"], "later": ["7"], "idle": ["nothing", "yet"]}
