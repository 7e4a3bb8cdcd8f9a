"""Put your own events on the stream: one JSON object a line, from a file or standard input."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Final

import rich_click as click

from pipeline.audit.history import Answer
from pipeline.audit.quarantined import readable_ids
from pipeline.domain.contracts import CONTRACTS
from pipeline.errors import OperatingError, UserError
from pipeline.producer.answers import Answered
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transports import transport_for
from sluice import stack as stacks
from sluice.backfill import known_ids
from sluice.console import result, say
from sluice.options import stack_option
from sluice.replay import ID_FIELDS
from sluice.stack import Stack

KEYS: Final = {contract.table: contract.key_field for contract in CONTRACTS}
UNKNOWN_TABLE: Final = "unknown"
FLUSH_SECONDS_MAX: Final = 60.0


def address(line: bytes) -> tuple[str, str]:
    """Return an event's table and key, as far as they can be read.

    What cannot be read is sent all the same: quarantine tells what is wrong with it, and keeps it.
    """
    try:
        event = json.loads(line)
        table = event["type"]
        return (table, str(event[KEYS[table]])) if table in KEYS else (UNKNOWN_TABLE, str(table))
    except (ValueError, RecursionError, LookupError, TypeError):
        return UNKNOWN_TABLE, UNKNOWN_TABLE


def only_missing(lines: list[bytes], known: frozenset[str]) -> list[bytes]:
    """Return the lines whose event is not known, of several with one id the first.

    A line without a readable id is not known either: quarantine tells what is wrong with it.
    """
    seen = set(known)
    left: list[bytes] = []
    for line in lines:
        ids = readable_ids(line, ID_FIELDS)
        if seen.isdisjoint(ids):
            left.append(line)
            seen.update(ids)
    return left


def send_lines(stack: Stack, lines: Iterable[bytes]) -> Counter[Answer]:
    """Send every line that is not blank and return how many got which answer.

    Raises UserError for a line that no record can hold, OperatingError when the stream takes none.
    """
    answers: Counter[Answer] = Counter()

    def on_answer(answered: Answered[int]) -> None:
        answers[answered.answer] += len(answered.tags)

    settings = ProducerSettings()
    transport = transport_for(stack.connection, settings, where=stack.where)
    with Producer[int](transport, settings, on_answer) as producer:
        for number, line in enumerate(lines, start=1):
            event = line.strip()
            if event:
                table, key = address(event)
                try:
                    producer.put(table=table, key=key, body=event, tag=number)
                except UserError as error:
                    raise UserError(f"line {number}: {error}") from None
        producer.flush(FLUSH_SECONDS_MAX)
    return answers


@click.command(help=__doc__)
@stack_option
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False
)
@click.option(
    "--missing", is_flag=True, help="Leave out what the lake or its quarantine has, by its id."
)
@click.pass_obj
def send(home: Path, stack: str, file: Path | None, *, missing: bool) -> None:
    """Send, wait for every answer, and say what the stream answered."""
    found = stacks.find(home, stack)
    with sys.stdin.buffer if file is None else file.open("rb") as source:
        lines: Iterable[bytes] = source
        if missing:
            every = source.readlines()
            asked = frozenset(chain.from_iterable(readable_ids(line, ID_FIELDS) for line in every))
            lines = only_missing(every, known_ids(found, asked))
            result(f"{'there already':13} {len(every) - len(lines):,}")
        answers = send_lines(found, lines)
    for answer in Answer:
        if answers[answer]:
            result(f"{answer:13} {answers[answer]:,}")
    unsure = answers[Answer.REFUSED] + answers[Answer.UNKNOWN]
    if unsure:
        raise OperatingError(
            f"{unsure:,} events are not known to be on the stream; send the same file again: "
            "what has arrived is recognised as a copy within the stack's window"
        )
    say(f"next: ./dev sluice drain --stack {stack}, then ./dev sluice query --stack {stack} SQL")
