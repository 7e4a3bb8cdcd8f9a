"""Replay a seed in words, count what the seeds meet, or pin the seeds that find each guard."""

import argparse
import sys

from tests.simulation import guards, seeds
from tests.simulation.conditions import SITUATIONS
from tests.simulation.plan import script_of
from tests.simulation.shrink import trace, violation_of


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if every rule was kept, 1 if one was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="run one seed; if it breaks a rule, show how")
    what.add_argument("--seeds", type=int, metavar="N", help="run so many; print what they met")
    what.add_argument("--find-guards", action="store_true", help="pin a seed for every guard")
    parser.add_argument("--situation", choices=[each.__name__ for each in SITUATIONS])
    parser.add_argument("--guard-off", choices=sorted(guards.GUARDS), metavar="NAME")
    parser.add_argument("--trace", action="store_true", help="tell every effect")
    chosen = parser.parse_args(arguments)
    if chosen.find_guards:
        return find_guards()
    with guards.switched_off(chosen.guard_off):
        if chosen.seeds is not None:
            return count(chosen.seeds, chosen.situation)
        return replay(chosen.seed, chosen.situation, details=chosen.trace, guard=chosen.guard_off)


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def find_guards() -> int:
    """Pin the seeds."""
    unfound = guards.find_all(say)
    say(f"not found: {', '.join(unfound) or 'none'}")
    return 1 if unfound else 0


def count(number: int, situation: str | None) -> int:
    """Run seeds and print what they met; stop at the first that breaks a rule."""
    seen = seeds.Seen()
    for seed in range(number):
        violation = seeds.run(seed, seen=seen, situation=situation)
        if violation is not None:
            script = script_of(seed, situation=situation)
            violation = violation_of(script) or violation
            again = seeds.command(seed, situation=situation)
            for line in seeds.report(seed, script, violation, again=again):
                say(line)
            return 1
    for line in seen.table():
        say(line)
    return 0


def replay(seed: int, situation: str | None, *, details: bool, guard: str | None) -> int:
    """Run a seed and tell it in words: the shortest way to what it breaks, else all of it."""
    script = script_of(seed, situation=situation)
    violation = violation_of(script)
    if violation is None:
        for line in trace(script, details=details):
            say(line)
        say(f"seed {seed} ({script.conditions.situation}) keeps every rule")
        return 0
    again = seeds.command(seed, situation=situation, guard=guard)
    for line in seeds.report(seed, script, violation, details=details, again=again):
        say(line)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
