"""The worker's container image: where it is kept, what it is called, and how it gets there."""

import base64
import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

ROOT: Final = Path(__file__).resolve().parent.parent
DOCKERFILE: Final = "infra/worker/Dockerfile"
INPUTS: Final = ("uv.lock", "pyproject.toml", DOCKERFILE, f"{DOCKERFILE}.dockerignore")
SOURCES: Final = "pipeline"
LEFT_OUT: Final = "pipeline/testing"
"""What the image has not got of them, as its .dockerignore says."""
ABSENT: Final = ("no such manifest", "manifest unknown")
"""What docker says of an image that a registry has not got; it fails alike without a network."""
PLATFORMS: Final = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
IMAGES_MAX: Final = 20
"""Kept, the newest first: enough to roll back far."""
ASK_SECONDS_MAX: Final = 60
BUILD_SECONDS_MAX: Final = 1_200

Architecture = Literal["arm64", "x86_64"]


@dataclass(frozen=True, kw_only=True)
class WorkerImageArgs:
    """What an image and its repository are made from."""

    repository: str
    architecture: Architecture
    key_arn: pulumi.Input[str]
    build: bool
    """Whether it is built and pushed; the local AWS runs the code as it is."""
    destroy: bool
    """Whether the repository goes with its images."""


class WorkerImage(pulumi.ComponentResource):
    """A repository of scanned images that no tag can be moved in, and the image of this code."""

    uri: pulumi.Output[str]
    repository_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: WorkerImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the repository; on AWS build the image and push it, unless it is there."""
        super().__init__("sluice:worker:WorkerImage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            name,
            name=args.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=args.destroy,
            opts=child,
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle", repository=repository.name, policy=kept_images(), opts=child
        )
        tag = image_tag(args.architecture)
        uri = pulumi.Output.concat(repository.repository_url, ":", tag)
        self.repository_arn = repository.arn
        self.uri = _pushed(uri, repository, args.architecture) if args.build else uri
        self.register_outputs({"uri": self.uri})


def kept_images() -> str:
    """Return the repository's lifecycle policy (ECR user guide, "Lifecycle policies")."""
    return json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "description": "What no tag names any more",
                    "selection": {
                        "tagStatus": "untagged",
                        "countType": "sinceImagePushed",
                        "countUnit": "days",
                        "countNumber": 1,
                    },
                    "action": {"type": "expire"},
                },
                {
                    "rulePriority": 2,
                    "description": f"All but the newest {IMAGES_MAX}",
                    "selection": {
                        "tagStatus": "any",
                        "countType": "imageCountMoreThan",
                        "countNumber": IMAGES_MAX,
                    },
                    "action": {"type": "expire"},
                },
            ]
        },
        sort_keys=True,
    )


def image_tag(architecture: Architecture, root: Path = ROOT) -> str:
    """Return a tag that changes with anything that goes into the image."""
    digest = hashlib.sha256(architecture.encode())
    sources = [
        path
        for path in sorted((root / SOURCES).rglob("*.*"))
        if "__pycache__" not in path.parts and not path.is_relative_to(root / LEFT_OUT)
    ]
    for path in (*(root / name for name in INPUTS), *sources):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{architecture}-{digest.hexdigest()[:16]}"


def push(uri: str, token: str, architecture: Architecture) -> str:
    """Build an image and push it, unless it is there; return its address.

    `token` is ECR's, `user:password` in base64. Raises pulumi.RunError that says what to do.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise pulumi.RunError(
            "docker is not on this machine, and the worker's image has to be built: install it, or "
            "push an image from elsewhere and name it (pulumi config set worker_image ...)"
        )
    user, _, password = base64.b64decode(token).decode().partition(":")
    registry = uri.partition("/")[0]
    login = [docker, "login", "--username", user, "--password-stdin", registry]
    _run(login, ASK_SECONDS_MAX, given=password)
    if not _is_there(docker, uri):
        # With a provenance a release is three images to ECR, and to what `kept_images` counts.
        build = [docker, "buildx", "build", "--platform", PLATFORMS[architecture], "--push"]
        what = ["--provenance=false", "--tag", uri, "--file", DOCKERFILE, "."]
        _run([*build, *what], BUILD_SECONDS_MAX)
    return uri


def _pushed(
    uri: pulumi.Output[str], repository: aws.ecr.Repository, architecture: Architecture
) -> pulumi.Output[str]:
    if pulumi.runtime.is_dry_run():
        return uri
    token = aws.ecr.get_authorization_token_output(registry_id=repository.registry_id)
    return pulumi.Output.all(uri, token.authorization_token).apply(
        lambda known: push(known[0], known[1], architecture)
    )


def _is_there(docker: str, uri: str) -> bool:
    """Return whether the registry has an image; nothing but its own word makes that a no."""
    command = [docker, "manifest", "inspect", uri]
    done = _ended(command, ASK_SECONDS_MAX)
    if done.returncode and any(each in done.stderr for each in ABSENT):
        return False
    _must_be_well(command, done)
    return True


def _run(command: list[str], seconds_max: float, *, given: str = "") -> None:
    _must_be_well(command, _ended(command, seconds_max, given=given))


def _ended(
    command: list[str], seconds_max: float, *, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run docker in the project and return how it ended, which it has to in that time."""
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            input=given,
            timeout=seconds_max,
        )
    except subprocess.TimeoutExpired:
        raise pulumi.RunError(
            f"docker {_said(command)} did not end in {seconds_max:.0f} s; see that its daemon "
            "runs, and run pulumi up again"
        ) from None


def _must_be_well(command: list[str], done: subprocess.CompletedProcess[str]) -> None:
    """Make docker's complaint the user's message."""
    if done.returncode:
        raise pulumi.RunError(
            f"docker {_said(command)} failed: {done.stderr.strip()}; mend what it names, and run "
            "pulumi up again"
        )


def _said(command: list[str]) -> str:
    return " ".join(command[1:3])
