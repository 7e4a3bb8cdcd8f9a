"""Runs a load by itself: `python -m loadtests --outputs FILE --load-dir DIR --rate R ...`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

from loadtests import run
from loadtests.plan import Plan
from loadtests.progress import Progress
from loadtests.shapes import ShapeName
from pipeline.errors import SluiceError
from pipeline.sources.connections import connection_of

_LOCAL_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("--outputs", type=Path, required=True, help="JSON of the stack's outputs")
    parser.add_argument("--load-dir", type=Path, required=True, help="a new folder for the load")
    parser.add_argument("--run", required=True, help="names the load; every id starts with it")
    parser.add_argument("--shape", choices=get_args(ShapeName), default="steady")
    parser.add_argument("--rate", type=float, required=True, help="events/s of all producers")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--duration", type=float, help="seconds")
    length.add_argument("--events", type=int, help="how many in all")
    parser.add_argument("--processes", type=int, default=1, help="processes that replay departures")
    parser.add_argument("--users", type=int, default=0, help="Locust users that act on the site")
    parser.add_argument("--poison", type=int, default=0, help="events that break their contract")
    return parser.parse_args()


def _plan(given: argparse.Namespace) -> Plan:
    outputs: dict[str, Any] = json.loads(given.outputs.read_text(encoding="utf-8"))
    where = {"region_name": outputs["region"]}
    if endpoint := outputs.get("endpoint"):
        where |= {"endpoint_url": endpoint, **_LOCAL_KEYS}
    return Plan.of(
        run=given.run,
        connection=connection_of(outputs),
        where=where,
        shape=given.shape,
        rate=given.rate,
        seconds=given.duration,
        events=given.events,
        producers=given.processes,
        web_users=given.users,
        poison=given.poison,
    )


def _say(progress: Progress) -> None:
    sys.stdout.write(progress.model_dump_json() + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the load, one line of JSON a second; 0 when every event was acknowledged."""
    given = _arguments()
    try:
        with run.start(_plan(given), given.load_dir) as load:
            while load.pause(1.0):
                _say(load.progress())
            done = load.wait()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    _say(done)
    return 0 if done.acknowledged == done.planned else 1


if __name__ == "__main__":
    sys.exit(main())
