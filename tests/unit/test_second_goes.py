"""A test on real parts has a second go, and it is told; a pure one has none (decision 0018)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAILS_AT_FIRST = """
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", range({count}))
def test_late(number):
    been = Path({folder!r}, f"been-{{number}}")
    here = been.exists()
    been.touch()
    assert here, f"the machine stood still for number {{number}}"
"""


@pytest.mark.parametrize(
    ("folder", "count", "passes", "says"),
    [
        ("integration/kafka", 1, True, "1 passed, 1 rerun"),
        ("faults/stack", 5, True, "5 passed, 5 rerun"),
        ("faults/stack", 6, False, "1 failed, 5 passed, 5 rerun"),
        ("faults", 1, False, "1 failed"),
        ("unit", 1, False, "1 failed"),
        ("simulation", 1, False, "1 failed"),
    ],
)
def test_five_tests_on_real_parts_have_a_second_go(
    tmp_path: Path, folder: str, count: int, passes: bool, says: str
) -> None:
    file = tmp_path / "tests" / folder / "test_late.py"
    file.parent.mkdir(parents=True)
    file.write_text(FAILS_AT_FIRST.format(count=count, folder=str(tmp_path)))
    done = run(tmp_path, file)
    assert done.returncode == (0 if passes else 1), done.stdout
    assert f"{says} in " in done.stdout
    assert "the machine stood still for number 0" in done.stdout  # also where it then passed


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "integration" / "test_broken.py"
    file.parent.mkdir(parents=True)
    file.write_text("def test_broken():\n    raise ValueError\n")
    done = run(tmp_path, file)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 rerun in " in done.stdout


def run(root: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Run a file under the project's own settings, as if `root` were the project."""
    settings = ["-c", ROOT / "pyproject.toml", "--rootdir", root, "-p", "tests.conftest", "-n", "2"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, "-p", "no:cacheprovider", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
