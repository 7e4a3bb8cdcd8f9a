"""Target tracking: which capacity follows from a metric, its target and the last change."""

import pytest

from infra.local.autoscaling.tracking import Cooldowns, Limits, Move, scaled_in, scaled_out

LIMITS = Limits(least=1, most=8)
COOLDOWNS = Cooldowns(out=60.0, back=300.0)


def moved(to: int, *, out: bool, ago: float) -> Move:
    return Move(out=out, to=to, seconds_ago=ago)


@pytest.mark.parametrize(
    ("capacity", "metric", "last", "wanted"),
    [
        pytest.param(2, 250.0, None, 5, id="in proportion, rounded up"),
        pytest.param(4, 900.0, None, 8, id="not beyond the most"),
        pytest.param(0, 900.0, None, 1, id="to the least at least"),
        pytest.param(5, 110.0, moved(5, out=True, ago=10), 6, id="cooling: what is more is added"),
        pytest.param(6, 90.0, moved(6, out=True, ago=10), 6, id="cooling: what is not, is not"),
        pytest.param(4, 50.0, None, 4, id="never fewer than before"),
        pytest.param(2, 250.0, moved(2, out=False, ago=1), 5, id="a scale-in holds it up never"),
    ],
)
def test_out(capacity: int, metric: float, last: Move | None, wanted: int) -> None:
    found = scaled_out(
        capacity, metric=metric, target=100.0, limits=LIMITS, last=last, cooldowns=COOLDOWNS
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("capacity", "last", "wanted"),
    [
        pytest.param(3, None, 2, id="one at a time"),
        pytest.param(1, None, 1, id="not below the least"),
        pytest.param(3, moved(3, out=False, ago=10), 3, id="cooling after a scale-in"),
        pytest.param(3, moved(3, out=True, ago=10), 3, id="cooling after a scale-out"),
        pytest.param(3, moved(3, out=True, ago=70), 2, id="each direction has its own cooldown"),
    ],
)
def test_in(capacity: int, last: Move | None, wanted: int) -> None:
    assert scaled_in(capacity, limits=LIMITS, last=last, cooldowns=COOLDOWNS) == wanted
