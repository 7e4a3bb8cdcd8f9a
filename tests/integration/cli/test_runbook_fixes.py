"""Every fix of a runbook is run: by a drill, or here, on a stack whose events are accounted for."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local import deploy
from infra.settings import Settings
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import wall_clock_ms
from sluice import functions
from sluice import stack as stacks
from sluice.cost import PREFIX, settings_of, stack_file
from sluice.drills.catalogue import DRILLS
from sluice.drills.drill import Drill
from sluice.drills.packages import Change, changed_package
from sluice.runbooks import Fence, Runbook, find, parse, run
from sluice.up import merged
from tests.documents import RUNBOOKS, SETTING, commands, runbooks, settings_given
from tests.integration.cli.conftest import Cli

STACK = "fixes"
EVENTS = 20
STEP_SECONDS_MAX = 240.0

TEARDOWN = ("teardown", "Destroy everything")
FIXES = (
    ("scale-up-and-down", "Up"),
    ("split-and-merge-shards", "Split the shard that lags most"),
    ("split-and-merge-shards", "Merge the two narrowest neighbours"),
    ("deploy", "Another setting"),
    ("roll-back", "To a version"),
    ("roll-back", "To the code before"),
    ("deploy", "Another revision"),
    ("deploy", "By steps, from now on"),
    ("deploy", "A fix, while an alarm is on"),
    ("rotate-keys", "It is due"),
    ("rotate-keys", "The key was disabled"),
    ("replay", "What arrived lately"),
    ("replay", "One reason"),
    ("replay", "All of it"),
    ("restore-the-ledger", "By the journal alone"),
    ("restore-the-ledger", "To a moment"),
    ("backfill-a-time-range", "From the stream"),
    ("backfill-a-time-range", "From a file"),
    ("records-lost", "Send the events again"),
    ("conservation-broken", "Rows are gone from the lake"),
    ("teardown", "Keep the data"),
    ("lake-is-late", "Something is stopped"),
    TEARDOWN,
)
"""Run in this order on one stack, which the last takes down."""

VERB_WORDS = {"shards": 2}


def shape(text: str) -> str:
    """Return a step's commands without the values that they are given, one a line.

    One value does what another does, as far as the command goes; that it may be given at all is
    checked by the command line's own parser (`tests/test_docs.py`) and, of settings, below.
    """
    return "\n".join(map(_shape, commands(Fence(language="bash", line=0, section="", text=text))))


def _shape(command: str) -> str:
    words = shlex.split(command)[2:]
    verb = words[: VERB_WORDS.get(words[0], 1)]
    options = sorted({word for word in words if word.startswith("--")} - {"--stack"})
    return " ".join((*verb, *options, *(("KEY=VALUE",) if any(map(SETTING, words)) else ())))


def fixes(runbook: Runbook) -> dict[tuple[str, str], frozenset[str]]:
    """Return the shapes of the steps of each cause that has steps."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for step in runbook.steps:
        if step.section == "Fix":
            key = (runbook.id, step.cause)
            found[key] = found.get(key, frozenset()) | {shape(step.text)}
    return found


def test_every_fix_is_run_by_a_drill_or_here() -> None:
    shapes = {key: steps for path in runbooks() for key, steps in fixes(parse(path)).items()}
    named = {(drill.runbook_id, drill.cause) for drill in DRILLS if drill.cause} | set(FIXES)
    ran = {step for key in named for step in shapes.get(key, ())}
    assert {key for key in FIXES if key not in shapes} == set()
    assert {key for key, steps in shapes.items() if not steps <= ran} == set()


def test_every_setting_that_a_runbook_deploys_is_accepted() -> None:
    given = [
        tuple(word for word in shlex.split(command)[3:] if SETTING(word))
        for path in runbooks()
        for step in parse(path).steps
        for command in commands(Fence(language="bash", line=0, section="", text=step.text))
    ]
    assert len([pairs for pairs in given if pairs]) > 10
    for pairs in given:
        deploy.check(merged({}, pairs))
    settings = {word.split("=", 1)[0] for pairs in given for word in pairs}
    assert settings <= set(Settings.model_fields)


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_what_teardown_deploys_lets_go_what_a_stack_file_guards(stack: str) -> None:
    """A local stack guards nothing: that the whole of it goes says nothing of one on AWS."""
    config = stack_file(stack)
    assert not settings_of(config, None).destroys_data
    given = {f"{PREFIX}{name}": value for name, value in settings_given(*TEARDOWN).items()}
    assert settings_of(config | given, None).destroys_data


@pytest.mark.parametrize("drill", [d for d in DRILLS if d.cause], ids=lambda drill: drill.id)
def test_the_cause_that_a_drill_mends_stands_in_its_runbook(drill: Drill) -> None:
    assert drill.cause in find(RUNBOOKS, drill.runbook_id).causes


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of good events, and one that breaks its contract."""
    good = json.loads(KNOWN_GOOD.data) | {"event_time": wall_clock_ms()}
    lines = [good | {"id": f"fix-{number}"} for number in range(EVENTS)]
    lines.append(good | {"id": "fix-bad", "distance_miles": "far"})
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A stack that holds a load and some events, and what an operator does to it."""

    home: Path
    cli: Cli
    checkout: Path
    variables: dict[str, str]

    def call(self, *words: str) -> str:
        """Run one command on the stack and return what it printed."""
        done = self.cli(self.home, *words, "--stack", STACK)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fix(self, runbook_id: str, cause: str) -> str:
        """Run a cause's steps as they stand in the runbook; return the first that fails."""
        return run(
            find(RUNBOOKS, runbook_id),
            folder=self.checkout,
            variables=self.variables,
            sections=("Before you start", "Fix"),
            cause=cause,
            seconds_max=STEP_SECONDS_MAX,
        )

    def delete_a_file_of_the_lake(self) -> None:
        """Delete the largest visible file, as a mistake would."""
        stack = stacks.find(self.home, STACK)
        s3, bucket = stack.environment.s3, stack.outputs["lake_bucket"]
        found = s3.list_objects_v2(Bucket=bucket, Prefix="lake/departures/")["Contents"]
        largest = max(found, key=lambda listed: listed["Size"])
        s3.delete_object(Bucket=bucket, Key=largest["Key"])

    def go_forward_to(self, package: Path) -> None:
        """Undo a rollback by a deploy of what was deployed before; then deploy a package."""
        self.call("deploy")
        stack = stacks.find(self.home, STACK)
        for name in functions.names(stack):
            assert functions.live(stack, name) == functions.versions(stack, name)[-1].number > 1
        self.call("deploy", f"package_file={package}")

    def shorten_runs(self) -> None:
        """Have commands believe that a run lasts two seconds at most: nothing is to be done."""
        path = self.home / STACK / "outputs.json"
        outputs = json.loads(path.read_text())
        outputs["settings"]["run_seconds_max"] = 2
        path.write_text(json.dumps(outputs))

    def check_all_is_there(self) -> None:
        """Account for every event of the load and of the file."""
        self.call("drain")
        self.call("verify")
        sql = "SELECT count(*), count(DISTINCT id) FROM departures WHERE id LIKE 'fix-%'"
        assert self.call("query", "--csv", sql).splitlines()[1] == f"{EVENTS},{EVENTS}"


@pytest.fixture(scope="module")
def shop(home: Path, cli: Cli, checkout: Path, events: Path) -> Shop:
    variables = {
        "SLUICE_HOME": str(home),
        "SLUICE_STACK": STACK,
        "SLUICE_VERSION": "1",
        "SLUICE_AT": "5s",
        "SLUICE_SINCE": "1h",
        "SLUICE_UNTIL": "2s",
        "SLUICE_EVENTS": str(events),
    }
    shop = Shop(home=home, cli=cli, checkout=checkout, variables=variables)
    shop.call("up", "--set", "window_seconds=1")
    # How fast it was is not asked here: 1 says that an objective of it was missed.
    words = ("load", "--stack", STACK, "--rate", "200", "--duration", "2", "--poison", "2")
    assert cli(home, *words).returncode in (0, 1)
    shop.call("send", str(events))
    shop.call("drain")
    return shop


def test_every_fix_runs_and_every_event_is_accounted_for(shop: Shop, tmp_path: Path) -> None:
    other = Change(file="pipeline/metrics.py", old='"EventsStored"', new='"EventsKept"')
    package = changed_package(tmp_path, [other])
    before: dict[tuple[str, str], Callable[[], object]] = {
        ("roll-back", "To the code before"): lambda: shop.go_forward_to(package),
        ("deploy", "Another revision"): lambda: shop.call("deploy", "package_file="),
        ("deploy", "A fix, while an alarm is on"): lambda: shop.call("deploy", "rollout="),
        ("restore-the-ledger", "By the journal alone"): shop.shorten_runs,
        ("backfill-a-time-range", "From the stream"): shop.delete_a_file_of_the_lake,
        ("conservation-broken", "Rows are gone from the lake"): shop.delete_a_file_of_the_lake,
        ("teardown", "Keep the data"): shop.check_all_is_there,
    }
    for place in FIXES:
        before.get(place, lambda: None)()
        assert not (trouble := shop.fix(*place)), f"{place}: {trouble}"
    assert not (shop.home / STACK).exists()
