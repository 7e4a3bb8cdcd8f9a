"""Show a stream's open shards, or split, merge and count them, under load and without a loss."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import rich_click as click
from rich.table import Table

from infra.local.deploy import adopt_shard_count
from pipeline.errors import OperatingError, UserError
from pipeline.functions import worker_for
from sluice import functions, pulumi_cli
from sluice import stack as stacks
from sluice.console import OUT, result, say
from sluice.deploy import deploy_stack
from sluice.options import stack_option
from sluice.stack import Stack
from sluice.streams import worker_of
from sluice.up import remember, remembered

KEYS: Final = 2**128
"""How many hash keys there are (Kinesis API reference, "HashKeyRange")."""
SHARDS_MAX: Final = 500
"""As the setting shard_count takes them."""
ACTIVE_SECONDS_MAX: Final = 300.0
LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class OpenShard:
    """A shard that takes records, with the first and last hash key of its range."""

    shard: str
    first: int
    last: int

    @property
    def keys(self) -> int:
        """How many hash keys the range has."""
        return self.last - self.first + 1


def open_shards(client: Any, stream: str) -> list[OpenShard]:
    """Return the open shards by the order of their ranges. Raises OperatingError."""
    with functions.told(f"list the shards of {stream}"):
        pages = client.get_paginator("list_shards").paginate(
            StreamName=stream, ShardFilter={"Type": "AT_LATEST"}
        )
        found = [
            OpenShard(
                shard=shard["ShardId"],
                first=int(shard["HashKeyRange"]["StartingHashKey"]),
                last=int(shard["HashKeyRange"]["EndingHashKey"]),
            )
            for page in pages
            for shard in page["Shards"]
        ]
    return sorted(found, key=lambda shard: shard.first)


def to_split(shards: list[OpenShard], lag_ms: dict[str, int], wanted: str | None) -> OpenShard:
    """Return the shard that is meant, else the one that lags most, else the widest.

    Raises UserError for one that is not open, or has a single key.
    """
    if wanted is None:
        chosen = max(shards, key=lambda shard: (lag_ms.get(shard.shard, 0), shard.keys))
    else:
        chosen = _known(shards, wanted)
    if chosen.keys == 1:
        raise UserError(f"{chosen.shard} has a single hash key, which cannot be split")
    return chosen


def to_merge(shards: list[OpenShard], wanted: tuple[str, ...]) -> tuple[OpenShard, OpenShard]:
    """Return the two shards that are meant, else the narrowest two neighbours.

    Raises UserError unless there are two, side by side.
    """
    if len(shards) == 1:
        raise UserError(f"{shards[0].shard} is the only open shard: there is nothing to merge")
    pairs = list(pairwise(shards))
    if not wanted:
        return min(pairs, key=lambda pair: pair[0].keys + pair[1].keys)
    if len(wanted) != 2:
        raise UserError("a merge takes two shards, or none to choose the narrowest neighbours")
    one, other = sorted((_known(shards, name) for name in wanted), key=lambda shard: shard.first)
    if (one, other) not in pairs:
        raise UserError(f"{one.shard} and {other.shard} are not side by side; see: sluice shards")
    return one, other


def _known(shards: list[OpenShard], wanted: str) -> OpenShard:
    for shard in shards:
        if shard.shard == wanted:
            return shard
    names = ", ".join(shard.shard for shard in shards)
    raise UserError(f"there is no open shard {wanted}; open are {names}")


def count_of(words: str, current: int) -> int:
    """Return how many shards are meant. Raises UserError for what is no number of shards."""
    relative = {"double": 2 * current, "half": max(1, current // 2)}
    if words in relative:
        return relative[words]
    if not words.isdecimal() or not 1 <= int(words) <= SHARDS_MAX:
        raise UserError(f"{words!r} is not double, half or a number from 1 to {SHARDS_MAX}")
    return int(words)


def steps_to(current: int, wanted: int) -> list[int]:
    """Return the counts to go through: Kinesis doubles or halves at most (UpdateShardCount)."""
    steps: list[int] = []
    while current != wanted:
        current = min(wanted, current * 2) if wanted > current else max(wanted, -(-current // 2))
        steps.append(current)
    return steps


@dataclass(frozen=True, kw_only=True)
class Resharder:
    """Changes the shards of one stack's stream, and keeps the program's own count in step."""

    home: Path
    stack: Stack
    client: Any

    @property
    def stream(self) -> str:
        """The stream's name."""
        return str(self.stack.outputs["stream_name"])

    def shards(self) -> list[OpenShard]:
        """Return the open shards."""
        return open_shards(self.client, self.stream)

    def change(self, doing: str, operation: Callable[..., Any], **what: str) -> None:
        """Split or merge, wait until the stream is active again, and tell the program.

        Raises UserError for a stream on demand, OperatingError when Kinesis refuses.
        """
        self._refuse_on_demand()
        with functions.told(doing):
            operation(StreamName=self.stream, **what)
        self._wait_active()
        if self._scaled:
            return  # the program leaves their number alone
        count = len(self.shards())
        if self.stack.endpoint is None:
            pulumi_cli.configure(self.stack.name, {"shard_count": str(count)})
            pulumi_cli.refresh(self.stack.name)
            return
        adopt_shard_count(
            count,
            stack=self.stack.name,
            region=self.stack.outputs["region"],
            state_file=self.stack.folder / "state.json",
        )
        settings = remembered(self.stack.folder) | {"shard_count": str(count)}
        remember(self.stack.folder, settings)

    def count(self, wanted: int) -> None:
        """Go to so many shards in as few steps as Kinesis takes. Raises as `change` does.

        Raises UserError too for a stack whose scaler decides.
        """
        self._refuse_on_demand()
        if self._scaled:
            raise UserError(
                f"the scaler of stack {self.stack.name} decides how many shards there are; give it "
                f"other limits: ./dev sluice deploy --stack {self.stack.name} shard_count_min=..."
            )
        for step in steps_to(len(self.shards()), wanted):
            deploy_stack(self.home, self.stack.name, (f"shard_count={step}",))
            self._wait_active()

    @property
    def _scaled(self) -> bool:
        return bool(self.stack.outputs["settings"].get("scales_shards"))

    def _refuse_on_demand(self) -> None:
        mode = self._summary().get("StreamModeDetails", {}).get("StreamMode")
        if mode == "ON_DEMAND":
            raise UserError(f"{self.stream} is on demand: it chooses its shards itself")

    def _summary(self) -> Any:
        with functions.told(f"describe {self.stream}"):
            answer = self.client.describe_stream_summary(StreamName=self.stream)
        return answer["StreamDescriptionSummary"]

    def _wait_active(self) -> None:
        deadline = time.monotonic() + ACTIVE_SECONDS_MAX
        while self._summary()["StreamStatus"] != "ACTIVE":
            if time.monotonic() >= deadline:
                raise OperatingError(
                    f"{self.stream} is not active after {ACTIVE_SECONDS_MAX:.0f} s; "
                    f"see: ./dev sluice shards show --stack {self.stack.name}"
                )
            time.sleep(LOOK_SECONDS)


def resharder(home: Path, stack: str) -> Resharder:
    """Return what changes the shards of a stack. Raises UserError for one on a topic."""
    found = stacks.find(home, stack)
    if found.connection.kind != "kinesis":
        raise UserError(
            f"stack {stack} streams by a topic, whose partitions are a setting and only grow: "
            f"./dev sluice deploy --stack {stack} partition_count=..."
        )
    return _resharder_of(home, found)


def _resharder_of(home: Path, stack: Stack) -> Resharder:
    return Resharder(home=home, stack=stack, client=functions.client(stack, "kinesis"))


@click.group(help=__doc__)
def shards() -> None:
    """Hold the four commands together."""


@shards.command()
@stack_option
@click.pass_obj
def show(home: Path, stack: str) -> None:
    """Show the open shards with the share of the hash keys that each takes, or the partitions."""
    found = stacks.find(home, stack)
    if found.connection.kind == "kinesis":
        _print(_resharder_of(home, found).shards())
        return
    table = Table("partition", "committed")
    with worker_of(found) as worker:
        for status in worker.pending():
            committed = status.committed
            table.add_row(status.shard, "nothing yet" if committed is None else str(committed))
    OUT.print(table)


@shards.command()
@click.argument("shard", required=False)
@stack_option
@click.pass_obj
def split(home: Path, stack: str, shard: str | None) -> None:
    """Split a shard in the middle of its range; without a name the one that lags most."""
    work = resharder(home, stack)
    lag_ms: dict[str, int] = {}
    if shard is None:
        pending = worker_for(work.stack.environment).pending()
        lag_ms = {status.shard: status.lag_ms for status in pending}
    chosen = to_split(work.shards(), lag_ms, shard)
    work.change(
        f"split {chosen.shard}",
        work.client.split_shard,
        ShardToSplit=chosen.shard,
        NewStartingHashKey=str(chosen.first + chosen.keys // 2),
    )
    result(f"split {chosen.shard}")
    _print(work.shards())


@shards.command()
@click.argument("pair", metavar="[SHARD SHARD]", nargs=-1)
@stack_option
@click.pass_obj
def merge(home: Path, stack: str, pair: tuple[str, ...]) -> None:
    """Merge two neighbours; without names the two that take the fewest keys."""
    work = resharder(home, stack)
    one, other = to_merge(work.shards(), pair)
    work.change(
        f"merge {one.shard} and {other.shard}",
        work.client.merge_shards,
        ShardToMerge=one.shard,
        AdjacentShardToMerge=other.shard,
    )
    result(f"merged {one.shard} and {other.shard}")
    _print(work.shards())


@shards.command()
@click.argument("wanted", metavar="COUNT|double|half")
@stack_option
@click.pass_obj
def count(home: Path, stack: str, wanted: str) -> None:
    """Bring the stream to so many shards of equal range, doubling or halving step by step."""
    work = resharder(home, stack)
    work.count(count_of(wanted, len(work.shards())))
    _print(work.shards())
    say("children are read after their parents' last record: order and exactly-once hold")


def _print(shards: list[OpenShard]) -> None:
    table = Table("shard", "share of the keys")
    for shard in shards:
        table.add_row(shard.shard, f"{100 * shard.keys / KEYS:.1f} %")
    OUT.print(table)
