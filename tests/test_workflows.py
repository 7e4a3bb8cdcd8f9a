"""The workflows of a fork: what they run, what they may do, and when they stay away."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")
VARIABLES = {
    "preview": {"AWS_PREVIEW_ROLE", "PULUMI_BACKEND_URL", "PULUMI_STACK"},
    "up": {"AWS_DEPLOY_ROLE", "PULUMI_BACKEND_URL", "PULUMI_STACK"},
}

by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def workflow(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def jobs(path: Path) -> dict[str, Any]:
    return dict(workflow(path)["jobs"])


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job["steps"]


def commands(text: str) -> list[str]:
    return re.findall(r"^\s*(\./dev .+?)\s*$", text, flags=re.MULTILINE)


CI, DEPLOY = FOLDER / "ci.yml", FOLDER / "deploy.yml"


def test_both_are_there() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "deploy.yml"]


def test_ci_runs_what_every_landing_must_pass_and_in_that_order() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    runs = [line for step in steps(CI) for line in commands(step.get("run", ""))]
    assert runs == commands(script)
    assert "./dev test" in runs
    required = re.findall(r"^export (SLUICE_REQUIRE)=(\w+)$", script, flags=re.MULTILINE)
    assert [(k, v) for job in jobs(CI).values() for k, v in job["env"].items()] == required


def test_ci_needs_no_secret_and_may_only_read() -> None:
    text = CI.read_text(encoding="utf-8")
    assert not re.search(r"\b(secrets|github\.token|id-token)\b", text)
    assert workflow(CI)["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in jobs(CI).values())


def test_a_pull_request_from_anywhere_is_tested_without_the_base_s_rights() -> None:
    # YAML 1.1 reads the key `on` as true.
    events = [workflow(path)[True] for path in FILES]
    assert all("pull_request" in event for event in events)
    assert all("pull_request_target" not in event for event in events)


def test_deploying_needs_no_key_and_each_job_has_the_rights_that_it_uses() -> None:
    assert "secrets." not in DEPLOY.read_text(encoding="utf-8")
    assert workflow(DEPLOY)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs(DEPLOY).items()} == {
        "preview": {"contents": "read", "id-token": "write", "pull-requests": "write"},
        "up": {"contents": "read", "id-token": "write"},
    }


@pytest.mark.parametrize("name", VARIABLES)
def test_deploying_stays_away_until_its_variables_are_set(name: str) -> None:
    condition = jobs(DEPLOY)[name]["if"]
    assert set(re.findall(r"vars\.(\w+) != ''", condition)) == VARIABLES[name]
    assert "||" not in condition
    used = set(re.findall(r"vars\.(\w+)", str(jobs(DEPLOY)[name]["steps"])))
    explained = set(re.findall(r"^#   (\w+) ", DEPLOY.read_text(), flags=re.MULTILINE))
    assert used <= explained
    assert VARIABLES[name] <= used


def test_a_fork_s_pull_request_gets_no_role_and_only_main_deploys() -> None:
    preview, up = jobs(DEPLOY)["preview"], jobs(DEPLOY)["up"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in preview["if"]
    assert "github.event_name == 'push' && github.ref == 'refs/heads/main'" in up["if"]
    assert up["environment"] == "production"
    assert up["concurrency"]["cancel-in-progress"] is False
    commands_of = {
        name: [step["with"]["command"] for step in job["steps"] if "pulumi/" in str(step)]
        for name, job in jobs(DEPLOY).items()
    }
    assert commands_of == {"preview": ["preview"], "up": ["up"]}


@by_file
def test_every_action_is_pinned_by_its_commit_with_its_version_said(path: Path) -> None:
    used = [
        line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line
    ]
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


@by_file
def test_every_job_ends_by_itself_and_one_of_a_kind_runs(path: Path) -> None:
    for job in jobs(path).values():
        assert 0 < job["timeout-minutes"] <= 180
        assert job["runs-on"] == "ubuntu-latest"
        assert "group" in (job.get("concurrency") or workflow(path)["concurrency"])


@by_file
def test_no_checkout_leaves_its_token_behind(path: Path) -> None:
    found = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert found
    assert all(step["with"]["persist-credentials"] is False for step in found)


@by_file
def test_no_script_takes_in_what_somebody_wrote(path: Path) -> None:
    """GitHub docs, "Script injections": an expression in a script is pasted before it runs."""
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@by_file
def test_every_command_and_file_that_is_named_exists(path: Path) -> None:
    dev = (ROOT / "dev").read_text(encoding="utf-8")
    for step in steps(path):
        for command in commands(step.get("run", "")):
            assert re.search(rf'"{command.split()[1]}"', dev), command
    text = path.read_text(encoding="utf-8")
    for pattern in re.findall(r"'([\w./*-]+/[\w./*-]+|uv\.lock)'", text):
        assert pattern.startswith("refs/") or list(ROOT.glob(pattern)), pattern
    for name in re.findall(r"go-version-file: (\S+)", text):
        assert (ROOT / name).is_file()
