"""The worker's libraries, as its Dockerfile chooses them, are there for every processor."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from infra import worker_image

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / worker_image.DOCKERFILE).read_text(encoding="utf-8").replace("\\\n", "")
STEPS = re.findall(r"^RUN (.*uv (?:export|pip) .*)$", DOCKERFILE, re.MULTILINE)
WANTED = {"arm64": "aarch64-manylinux", "x86_64": "x86_64-manylinux"}


@pytest.mark.parametrize("architecture", worker_image.PLATFORMS)
def test_every_locked_library_has_a_wheel_for_the_images_processor(
    architecture: worker_image.Architecture, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "uv.lock"):
        (tmp_path / name).symlink_to(ROOT / name)
    given = {
        **{key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"},
        "PATH": f"{Path(find_uv_bin()).parent}:{os.environ['PATH']}",
        "PYTHON": "".join(re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE, re.MULTILINE)),
        "TARGETARCH": worker_image.PLATFORMS[architecture].partition("/")[2],
    }
    for step in STEPS:
        dry = step.replace("--target /libraries", f"--target {tmp_path / 'out'} --dry-run")
        done = subprocess.run(
            ["/bin/sh", "-exc", dry],
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
    assert WANTED[architecture] in done.stderr
    assert all(f" + {name}==" in done.stderr for name in ("confluent-kafka", "pulsar-client"))
