"""Services of ECS on a real local AWS, whose tasks write down what they see."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import processes

PLAIN = """
import json, os, signal, sys, time
from pathlib import Path

out = Path(os.environ["OUT"])
mine = out / f"{os.getpid()}.json"
mine.write_text(json.dumps(dict(os.environ)))

def leave(*_):
    (out / f"{os.getpid()}.left").touch()
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
"""
STAY = "while True: time.sleep(0.05)\n"


class Service:
    """One service on the local AWS and what its tasks wrote down."""

    plain = PLAIN
    stay = STAY

    def __init__(self, lab: Any, folder: Path, name: str) -> None:
        self.lab = lab
        self.out = folder
        self.name = name
        self.ecs = lab.client("ecs")

    def define(self, code: str = PLAIN + STAY, **container: Any) -> str:
        """Register a task definition whose one container runs this code; return its ARN."""
        role = {"taskRoleArn": container.pop("role")} if "role" in container else {}
        variables = {"OUT": str(self.out), **container.pop("variables", {})}
        described = {
            "name": "worker",
            "image": "worker:1",
            "command": ["python", "-c", code],
            "environment": [{"name": k, "value": v} for k, v in variables.items()],
            **container,
        }
        answer = self.ecs.register_task_definition(
            family=self.name,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[described],
            **role,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, definition: str, count: int = 1, **options: Any) -> None:
        self.ecs.create_cluster(clusterName=self.name)
        self.ecs.create_service(
            cluster=self.name,
            serviceName=self.name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            **options,
        )

    def update(self, **changes: Any) -> None:
        self.ecs.update_service(cluster=self.name, service=self.name, **changes)

    def described(self) -> dict[str, Any]:
        answer = self.ecs.describe_services(cluster=self.name, services=[self.name])
        return dict(answer["services"][0])

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, desiredStatus=status)["taskArns"]
        if not arns:
            return []
        return list(self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"])

    def pids(self) -> list[int]:
        """Return the processes of the tasks that run."""
        return [
            int(task["containers"][0]["runtimeId"])
            for task in self.tasks()
            if task["lastStatus"] == "RUNNING"
        ]

    def runs(self, count: int) -> list[int]:
        """Wait until so many tasks run, each by its own account; return their processes."""

        def look() -> list[int]:
            found = self.pids()
            wrote = all((self.out / f"{pid}.json").exists() for pid in found)
            return found if len(found) == count and wrote else []

        running: list[int] = self.lab.wait_for(look)
        return running

    def variables(self, pid: int) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.out / f"{pid}.json").read_text())
        return found

    def left(self, pid: int) -> bool:
        return (self.out / f"{pid}.left").exists()

    def gone(self, pid: int) -> None:
        self.lab.wait_for(lambda: processes.find(pid) is None)

    def completed(self) -> None:
        """Wait until the deployment that is wanted is completed."""

        def look() -> bool:
            [wanted] = [d for d in self.described()["deployments"] if d["status"] == "PRIMARY"]
            return bool(wanted["rolloutState"] == "COMPLETED")

        self.lab.wait_for(look)


@pytest.fixture
def service(lab: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    made = Service(lab, tmp_path, request.node.name.replace("_", "-")[:60])
    yield made
    if lab.client("ecs").describe_clusters(clusters=[made.name])["clusters"]:
        made.ecs.delete_service(cluster=made.name, service=made.name, force=True)
        lab.wait_for(lambda: made.described()["status"] == "INACTIVE")


@pytest.fixture
def service_on() -> Callable[[Any, Path, str], Service]:
    """What makes a service on a local AWS of the test's own."""
    return Service
