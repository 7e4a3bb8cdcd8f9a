"""A new version comes to the callers step by step; an alarm takes it back, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.audit.verdict import Validity
from pipeline.errors import OperatingError
from sluice import functions
from sluice.alarms import Alarm
from sluice.deploy import deploy_stack
from sluice.down import stop_local
from sluice.drills.deploys import DEFECT
from sluice.drills.packages import Change, changed_package
from sluice.drills.rig import Rig
from sluice.drills.run import FIRST_EVENTS
from sluice.drills.stacks import MINUTE_SECONDS, SETTINGS
from sluice.drills.waiting import until
from sluice.functions import MovedMeanwhile
from sluice.rollback import roll_back
from sluice.rollout import Plan, move_all, refuse_on_fire, roll_out
from sluice.up import bring_up, remember

SPLIT = {"rollout": "linear", "rollout_percent": "50", "rollout_minutes": "8"}
LONG_STEPS = "rollout_minutes=30"
"""Where an alarm ends them: as soon as it is on."""
STRICTER = Change(
    file="pipeline/domain/contracts.py",
    old='name="distance_miles", type="int64", minimum=0, maximum=12_500',
    new='name="distance_miles", type="int64", minimum=1_400, maximum=12_500',
)
"""A limit that half of all departures break, and the known good event keeps."""
HARMLESS = Change(file="pipeline/metrics.py", old='"EventsStored"', new='"EventsKept"')


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A stack with traffic to come, whose new versions come by steps."""
    home, settings = tmp_path_factory.mktemp("home"), {**SETTINGS["kinesis"], **SPLIT}
    stack = bring_up(home, "rollout", settings, None, compression=60 / MINUTE_SECONDS)
    remember(stack.folder, settings)
    yield Rig(home=home, stack=stack, settings=settings)
    stop_local(stack.folder)


@contextmanager
def under_load(rig: Rig) -> Iterator[None]:
    """Send events meanwhile; afterwards account for every one of them by its id."""
    rig.calm()
    with rig.drilling():
        until(
            lambda: rig.traffic.acknowledged >= FIRST_EVENTS, seconds_max=120, what="first events"
        )
        yield
        (verdict,) = rig.settle()
    account = verdict.account
    assert verdict.validity is Validity.VALID, verdict.summary()
    assert account.sent == account.stored + account.quarantined > FIRST_EVENTS
    assert account.lost == account.duplicated == account.altered == account.out_of_order == 0


def live(rig: Rig) -> dict[str, int]:
    """The one version that each function's callers get."""
    routes = {name: functions.route(rig.stack, name) for name in functions.names(rig.stack)}
    assert all(not route.beside for route in routes.values())
    return {name: route.version for name, route in routes.items()}


def newest(rig: Rig) -> dict[str, int]:
    return {
        name: functions.versions(rig.stack, name)[-1].number for name in functions.names(rig.stack)
    }


def deploy(rig: Rig, change: Change, *pairs: str) -> Alarm | None:
    """Deploy a changed package, and settings, as `sluice deploy` does."""
    package = changed_package(rig.stack.folder / "packages", [change])
    return deploy_stack(rig.home, rig.stack.name, (f"package_file={package}", *pairs))


@pytest.mark.parametrize(
    ("change", "alarm"),
    [
        pytest.param(DEFECT, {"function-errors"}, id="it raises on every batch"),
        pytest.param(STRICTER, {"quarantine-rate"}, id="it sets good events aside"),
    ],
)
def test_a_bad_version_is_taken_back_by_the_alarm_that_it_causes(
    rig: Rig, change: Change, alarm: set[str]
) -> None:
    before = live(rig)
    with under_load(rig):
        ended_by = deploy(rig, change, LONG_STEPS)
        assert ended_by is not None
        assert {ended_by.id} == alarm
        assert live(rig) == before
        assert all(newest(rig)[name] > before[name] for name in before)


def test_a_good_version_gets_everything(rig: Rig) -> None:
    with under_load(rig):
        assert deploy(rig, HARMLESS) is None
        assert live(rig) == newest(rig)


TWO_STEPS = Plan(steps=(50, 100), step_seconds=0.1)


@pytest.fixture
def waiting(rig: Rig) -> Iterator[dict[str, int]]:
    """Functions on their first version, with newer ones published: where they are led."""
    rig.deploy(HARMLESS)
    rig.calm()
    for name in functions.names(rig.stack):
        functions.point(rig.stack, name, 1)
    assert newest(rig) != live(rig)
    yield live(rig)
    move_all(rig.stack)
    assert live(rig) == newest(rig)


def test_an_interrupted_rollout_leads_all_callers_back(rig: Rig, waiting: dict[str, int]) -> None:
    seen = []

    def interrupt(_note: str) -> None:
        seen.append(functions.route(rig.stack, functions.names(rig.stack)[0]))
        if seen[-1].version != 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_out(rig.stack, TWO_STEPS, interrupt)
    assert [(each.version, list(each.beside.values())) for each in seen] == [
        (1, [0.5]),
        (newest(rig)[functions.names(rig.stack)[0]], []),
    ]
    assert live(rig) == waiting


def test_a_rollback_ends_a_rollout_which_leaves_the_alias_alone_then(
    rig: Rig, waiting: dict[str, int]
) -> None:
    processor = functions.names(rig.stack)[0]
    moved = []
    with pytest.raises(MovedMeanwhile, match="somebody else has moved"):
        roll_out(rig.stack, TWO_STEPS, lambda _note: moved.append(roll_back(rig.stack, None)))
    assert moved == [{processor: (newest(rig)[processor], 1)}]
    assert live(rig) == waiting


def test_no_rollout_begins_while_an_alarm_is_on_that_it_would_be_judged_by(
    rig: Rig, waiting: dict[str, int]
) -> None:
    client, refused = rig.client("cloudwatch"), []

    def is_refused() -> bool:
        # The next evaluation puts it right again, within a short minute.
        name = f"sluice-{rig.stack.name}-function-errors"
        client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        try:
            refuse_on_fire(rig.stack)
        except OperatingError as error:
            refused.append(str(error))
        return bool(refused)

    until(is_refused, seconds_max=120, what="a rollout is refused")
    assert "function-errors is on already" in refused[0]
    assert "--at-once" in refused[0]
    rig.calm()
