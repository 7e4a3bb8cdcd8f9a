"""A seed says the same each time, and what it breaks is told in words, as shortly as can be."""

import pytest

from tests.simulation import __main__ as command_line
from tests.simulation.guards import pins, switched_off
from tests.simulation.plan import script_of
from tests.simulation.shrink import Shrinker, shrink, trace, violation_of

GUARD = "the_warm_set_has_no_tag"


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_tells_the_same_story_each_time_and_so_does_its_list(seed: int) -> None:
    script = script_of(seed)
    assert violation_of(script) is None
    again = script_of(seed)
    assert violation_of(again) is None
    assert script.faults == again.faults
    assert trace(script, details=True) == trace(again, details=True)


def test_a_shrunk_script_breaks_the_same_rule_and_needs_each_of_its_parts() -> None:
    pin = pins()[GUARD]
    with switched_off(GUARD):
        script = script_of(pin.seed, situation=pin.situation)
        violation = violation_of(script)
        assert violation is not None
        short = shrink(script, violation)
        assert len(short.happenings) < len(script.happenings)
        still = violation_of(short.told())
        assert still is not None
        assert still.rule == pin.rule
        for at in range(len(short.happenings)):
            fewer = short.happenings[:at] + short.happenings[at + 1 :]
            less = violation_of(short.told(happenings=fewer))
            assert less is None or less.rule != pin.rule
    assert violation_of(short.told()) is None


def test_shrinking_ends_after_a_bounded_number_of_runs() -> None:
    shrinker = Shrinker("a rule that nothing breaks")
    script = script_of(1)
    violation_of(script)
    shrinker.shrink(script)
    assert shrinker.runs < 10 * (len(script.faults) + len(script.happenings))


def test_the_command_tells_what_was_lost_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pin = pins()[GUARD]
    arguments = ["--seed", str(pin.seed), "--situation", pin.situation]
    assert command_line.main(arguments) == 0
    assert "keeps every rule" in capsys.readouterr().out

    assert command_line.main([*arguments, "--guard-off", GUARD]) == 1
    told = capsys.readouterr().out
    assert f"breaks {pin.rule}" in told
    assert (
        f"replay: ./dev run python -m tests.simulation --seed {pin.seed}"
        f" --situation {pin.situation} --guard-off {GUARD}" in told
    )
    assert "is given s0" in told
    assert f"violated: {pin.rule}" in told


def test_the_command_counts_what_the_seeds_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--seeds", "40"]) == 0
    table = capsys.readouterr().out
    assert "40 seeds" in table
    assert "CommitTransaction" in table
