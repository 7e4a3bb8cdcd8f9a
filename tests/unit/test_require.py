"""A part that is absent skips its test on a laptop, and fails it in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ABSENT = "import pytest\n\n\ndef test_needs_a_part():\n    pytest.skip('no such part')\n"


@pytest.mark.parametrize(
    ("require", "code", "says"), [("", 0, "1 skipped"), ("all", 1, "1 failed")]
)
def test_a_skip_is_a_failure_only_where_everything_is_required(
    tmp_path: Path, require: str, code: int, says: str
) -> None:
    (tmp_path / "test_absent.py").write_text(ABSENT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-q", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "SLUICE_REQUIRE": require},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert says in done.stdout
