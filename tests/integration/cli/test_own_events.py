"""The README's worked example, followed to the letter, in a copy that has a name of its own: a
contract of one's own, then its events.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import processes_of

ROOT = Path(__file__).resolve().parents[3]
PROJECT = (
    *("infra", "lambdas", "loadtests", "pipeline", "sluice"),
    *("uv.lock", "pyproject.toml", "Pulumi.README.md", "Pulumi.yaml", "Pulumi.prod.yaml"),
)
RENAMED = (("Pulumi.yaml", "name: sluice"), ("Pulumi.prod.yaml", "sluice:"))
"""What a project's name stands in: its own file, and each stack's as the settings' namespace."""
WEEK_HOURS = 7 * 24
"""What the stack file of production keeps records for; one that is not read keeps them a day."""
LISTED = "CONTRACTS: Final = (DEPARTURES, ACTIONS, PLANE_CHANGES)"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A renamed copy of the project, the README's contract added to its domain, its stack up."""
    copy = tmp_path_factory.mktemp("project")
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for name, named in RENAMED:
        text = (copy / name).read_text()
        assert named in text
        (copy / name).write_text(text.replace(named, named.replace("sluice", "ours")))
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"```python\n(from pipeline.*?)```", readme, re.DOTALL)
    assert block is not None
    contract = block[1].partition("\n\n")[2]
    contracts = copy / "pipeline" / "domain" / "contracts.py"
    text = contracts.read_text()
    assert LISTED in text
    listed = LISTED.replace("PLANE_CHANGES)", "PLANE_CHANGES, READINGS)")
    contracts.write_text(text.replace(LISTED, f"{contract}\n{listed}"))
    up = sluice(copy, "up")
    assert up.returncode == 0, up.stderr
    yield copy
    sluice(copy, "down", "--force")
    assert processes_of(copy) == []


def sluice(project: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sluice", *words],
        cwd=project,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def reading(number: int, celsius: object) -> str:
    return (
        f'{{"type":"readings","id":"r-{number}","sequence":{number},'
        f'"event_time":{int(time.time())}000,"sensor":"roof","celsius":{celsius}}}'
    )


def test_a_renamed_project_has_names_and_settings_of_its_own(project: Path) -> None:
    alarms = sluice(project, "alarms", "quarantine-rate", "--json")
    assert [(each["id"], each["name"]) for each in json.loads(alarms.stdout)["alarms"]] == [
        ("quarantine-rate", "ours-local-quarantine-rate")
    ]
    cost = sluice(project, "cost", "--stack", "prod", "--rate", "100", "--json")
    read = {each["setting"]: each["now"] for each in json.loads(cost.stdout)["drivers"]}
    assert read["retention_hours"] == WEEK_HOURS


def test_events_of_ones_own_contract_become_rows_of_their_own_table(project: Path) -> None:
    sent = sluice(project, "send", stdin=f"{reading(1, 21.5)}\n\n{reading(2, -3)}\n")
    assert sent.returncode == 0, sent.stderr
    assert re.search(r"acknowledged\s+2", sent.stdout)
    assert sluice(project, "drain").returncode == 0
    rows = sluice(project, "query", "--csv", "SELECT id, celsius FROM readings ORDER BY id")
    assert rows.stdout.splitlines() == ["id,celsius", "r-1,21.5", "r-2,-3.0"]


def test_what_breaks_the_contract_is_kept_with_its_reason_and_a_copy_is_not_stored_twice(
    project: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    line = reading(3, 4.5)
    events.write_text(f"{line}\n{reading(4, 99)}\nnot json\n")
    assert sluice(project, "send", str(events)).returncode == 0
    assert sluice(project, "send", str(events)).returncode == 0
    assert sluice(project, "drain").returncode == 0
    stored = sluice(project, "query", "--csv", "SELECT id FROM readings WHERE id >= 'r-3'")
    assert stored.stdout.splitlines() == ["id", "r-3"]
    sql = "SELECT DISTINCT reason, field FROM quarantine ORDER BY ALL"
    reasons = sluice(project, "query", "--csv", sql)
    assert reasons.stdout.splitlines()[1:] == ["not-an-object,", "out-of-range,celsius"]


def test_a_contract_that_is_itself_wrong_is_said_before_anything_is_made(project: Path) -> None:
    contracts = project / "pipeline" / "domain" / "contracts.py"
    good = contracts.read_text()
    contracts.write_text(good.replace('key_field="sensor"', 'key_field="senosr"'))
    try:
        done = sluice(project, "up", "--stack", "wrong")
    finally:
        contracts.write_text(good)
    assert done.returncode == 2
    assert "senosr" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / ".sluice" / "wrong" / "state.json").exists()
