"""The worker's image holds what the worker needs, is named by it, and comes where it is pulled."""

import base64
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pulumi
import pytest
from packaging.requirements import Requirement
from uv import find_uv_bin

from infra import worker_image
from infra.task_service import USER
from infra.worker_service import COMMAND

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / worker_image.DOCKERFILE).read_text(encoding="utf-8")
URI = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/worker:arm64-0123"
ABSENT = '[ "$1" != manifest ] || { echo "no such manifest: x" >&2; exit 1; }'
TOKEN = base64.b64encode(b"AWS:secret").decode()


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries that the Dockerfile's own export names, from this environment, and no other."""
    folder = tmp_path_factory.mktemp("libraries")
    requirements = folder / "requirements.txt"
    (line,) = re.findall(r"^RUN (uv export .*)$", DOCKERFILE, re.MULTILINE)
    words = [find_uv_bin(), *line.split()[1:-1], str(requirements)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=180)
    text = requirements.read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        wanted = (
            Requirement(line.partition("--hash")[0].partition("#")[0])
            if line[:1].isalnum()
            else None
        )
        if wanted is None or (wanted.marker and not wanted.marker.evaluate()):
            continue
        held = distribution(wanted.name)
        assert wanted.specifier.contains(held.version)
        for file in held.files or ():
            target = folder / file
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(held.locate_file(file))))
    return folder


def test_the_locked_libraries_are_all_that_the_worker_imports(
    libraries: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    code = (
        "import pipeline.consumer.__main__, pipeline.sources.kafka_subscription, "
        "pipeline.watcher.__main__, pipeline.sources.kafka_condition, "
        "pipeline.sources.pulsar_condition, pipeline.producer.kafka, pipeline.producer.pulsar, "
        "pipeline.sources.pulsar_subscription, aws_msk_iam_sasl_signer; print('there')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{libraries}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.stdout == "there\n", done.stderr


def test_nothing_of_the_command_line_or_the_program_is_in_it(libraries: Path) -> None:
    there = {path.name for path in libraries.iterdir()}
    assert "confluent_kafka" in there
    assert not {"pulumi", "pulumi_aws", "ministack", "locust", "pytest", "duckdb"} & there
    assert set(re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)) == {
        "pyproject.toml uv.lock ./",
        "pipeline /app/pipeline",
    }


def test_the_image_runs_what_the_task_runs_as_the_same_nobody() -> None:
    assert f"USER {USER}\n" in DOCKERFILE
    assert "CMD [{}]".format(", ".join(f'"{word}"' for word in COMMAND)) in DOCKERFILE


def test_uv_is_the_locked_one() -> None:
    (pinned,) = re.findall(r"^ARG UV=(.*)$", DOCKERFILE, re.MULTILINE)
    assert f'name = "uv"\nversion = "{pinned}"\n' in (ROOT / "uv.lock").read_text(encoding="utf-8")


def test_nothing_of_the_image_is_run_to_build_it() -> None:
    *before, last = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert [stage.split()[0] for stage in before] == ["--platform=$BUILDPLATFORM"]
    assert not re.search(r"^RUN", last, re.MULTILINE)


def test_a_tag_is_its_contents(tmp_path: Path) -> None:
    for name in worker_image.INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    source = tmp_path / "pipeline" / "worker.py"
    source.parent.mkdir()
    source.write_text("a")
    tags = [worker_image.image_tag("arm64", tmp_path), worker_image.image_tag("x86_64", tmp_path)]
    double = tmp_path / worker_image.LEFT_OUT / "stream.py"
    double.parent.mkdir()
    for path in (tmp_path / "README.md", double):
        path.write_text("changed")
    assert worker_image.image_tag("arm64", tmp_path) == tags[0]
    for path in (source, *(tmp_path / name for name in worker_image.INPUTS)):
        path.write_text("b")
        tags.append(worker_image.image_tag("arm64", tmp_path))
    assert len(set(tags)) == len(tags)


def test_what_docker_is_not_given_is_not_in_the_tag_either() -> None:
    ignored = (ROOT / f"{worker_image.DOCKERFILE}.dockerignore").read_text(encoding="utf-8")
    left_out = {line for line in ignored.splitlines() if not line.startswith("!")}
    assert left_out == {"*", "**/__pycache__", worker_image.LEFT_OUT}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a docker on PATH that writes down what it is asked, and answers as told."""

    def put(answers: str) -> Path:
        asked = tmp_path / "asked"
        script = tmp_path / "docker"
        script.write_text(
            f'#!/bin/sh\nexec 3>> {asked}\necho "$@" >&3\n'
            f'if [ "$1" = login ]; then cat >&3; echo >&3; fi\n{answers}\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return asked

    return put


def test_an_image_is_built_for_its_processor_and_pushed(docker: Callable[[str], Path]) -> None:
    asked = docker(ABSENT)
    assert worker_image.push(URI, TOKEN, "arm64") == URI
    assert asked.read_text().splitlines() == [
        f"login --username AWS --password-stdin {URI.partition('/')[0]}",
        "secret",
        f"manifest inspect {URI}",
        "buildx build --platform linux/arm64 --push --provenance=false "
        f"--tag {URI} --file infra/worker/Dockerfile .",
    ]


def test_an_image_that_is_there_is_not_built_again(docker: Callable[[str], Path]) -> None:
    asked = docker("exit 0")
    worker_image.push(URI, TOKEN, "x86_64")
    assert "build" not in asked.read_text()


def test_a_registry_that_does_not_answer_is_no_reason_to_build(
    docker: Callable[[str], Path],
) -> None:
    asked = docker(ABSENT.replace("no such manifest", "dial tcp: connection refused"))
    with pytest.raises(pulumi.RunError, match=r"manifest inspect failed: dial tcp: .*; mend"):
        worker_image.push(URI, TOKEN, "arm64")
    assert "build" not in asked.read_text()


def test_a_registry_that_hangs_is_told_with_what_to_do(
    docker: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    docker("exit 0")
    run = subprocess.run

    def hangs(command: list[str], **options: Any) -> Any:
        if "manifest" in command:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", hangs)
    with pytest.raises(pulumi.RunError, match="docker manifest inspect did not end in 60 s; see"):
        worker_image.push(URI, TOKEN, "arm64")


def test_what_docker_complains_of_is_told_with_what_to_do(docker: Callable[[str], Path]) -> None:
    docker('echo "no space left" >&2; exit 1')
    with pytest.raises(pulumi.RunError, match=r"login .* failed: no space left; mend"):
        worker_image.push(URI, TOKEN, "arm64")


def test_without_docker_there_is_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pulumi.RunError, match="pulumi config set worker_image"):
        worker_image.push(URI, TOKEN, "arm64")
