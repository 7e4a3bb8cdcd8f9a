"""The page says which files a person has to fetch: those that the machines believe."""

from pathlib import Path

import pytest

from infra.local.brokers.artifacts import pinned
from infra.pulsar.programs import DISTRIBUTION, JAVA, OFFLOADERS, Program

PAGE = Path(__file__).parents[4] / "docs" / "pulsar-cluster.md"


@pytest.mark.parametrize("program", [DISTRIBUTION, OFFLOADERS, JAVA], ids=lambda each: each.target)
def test_a_program_is_documented_by_name_and_hash(program: Program) -> None:
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    assert len(rows) == 3
    (row,) = (line for line in rows if f"`{program.name}`" in line)
    assert f"`{program.sha256}`" in row


def test_machines_run_the_pulsar_that_laptops_run() -> None:
    (local,) = pinned("pulsar")
    assert (local.name, local.sha256) == (DISTRIBUTION.name, DISTRIBUTION.sha256)
