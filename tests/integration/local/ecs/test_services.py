"""A service of ECS keeps its tasks: replaced, counted, rolled, rolled back, drained."""

import os
import signal
from typing import Any

from infra.local import processes
from tests.local_aws import aws_rule

HEALTHY_FILE = {"command": ["CMD-SHELL", 'test -e "$OUT/healthy"'], "retries": 2}


@aws_rule(
    page="ECS developer guide, Amazon ECS services",
    says="a service starts another task for one whose essential container ended",
    alone="every task is RUNNING for ever",
    here=(
        "after a short life 0.5 s pass first, then 1 s, up to 30 s; AWS waits for no task that ran"
    ),
)
def test_a_killed_task_is_told_and_replaced(service: Any) -> None:
    service.create(service.define())
    [first] = service.runs(1)
    os.kill(first, signal.SIGKILL)
    [stopped] = service.lab.wait_for(lambda: service.tasks("STOPPED"))
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137
    [second] = service.lab.wait_for(lambda: [p for p in service.pids() if p != first])
    assert second != first


def test_a_service_follows_its_desired_count(service: Any) -> None:
    service.create(service.define())
    [first] = service.runs(1)
    service.update(desiredCount=3)
    assert first in service.runs(3)
    service.update(desiredCount=1)
    assert service.runs(1) == [first]
    service.update(desiredCount=0)
    service.gone(first)
    assert service.left(first)
    service.lab.wait_for(lambda: service.described()["runningCount"] == 0)


@aws_rule(
    page="ECS API reference, DeploymentConfiguration",
    says=(
        "a rolling update keeps `minimumHealthyPercent` of the tasks healthy and has no "
        "more than `maximumPercent`"
    ),
    alone="the new task counts as running at once",
)
def test_a_new_definition_stops_the_old_task_only_when_the_new_one_is_healthy(
    service: Any,
) -> None:
    (service.out / "healthy").touch()
    service.create(service.define(healthCheck=HEALTHY_FILE))
    [old] = service.runs(1)
    service.completed()
    (service.out / "healthy").unlink()
    slow = {"command": ["CMD-SHELL", 'test -e "$OUT/new"'], "startPeriod": 300}
    service.update(taskDefinition=service.define(healthCheck=slow))
    both = service.runs(2)
    assert not service.left(old)
    (service.out / "new").touch()
    service.gone(old)
    assert service.left(old)
    [new] = service.runs(1)
    assert new in both
    service.completed()


@aws_rule(
    page="ECS developer guide, How the Amazon ECS deployment circuit breaker detects failures",
    says=(
        "after 3 failed tasks, or half the desired count, a deployment fails and the "
        "last completed one comes back"
    ),
    alone="no task ever fails",
)
def test_a_deployment_that_never_gets_healthy_is_rolled_back(service: Any) -> None:
    good = service.define()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    service.create(good, deploymentConfiguration=breaker)
    [old] = service.runs(1)
    service.completed()
    service.update(taskDefinition=service.define("raise SystemExit(3)"))
    service.lab.wait_for(lambda: service.described()["taskDefinition"] == good)
    assert service.runs(1) == [old]
    states = {d["rolloutState"] for d in service.described()["deployments"]}
    assert "FAILED" in states
    assert not service.left(old)


@aws_rule(
    page="ECS API reference, DeploymentConfiguration",
    says=(
        "an unhealthy task is stopped when one that replaces it is healthy, where "
        "`maximumPercent` leaves room"
    ),
    alone="asks no health check",
)
def test_an_unhealthy_task_is_replaced_by_one_that_is_healthy_first(service: Any) -> None:
    service.create(
        service.define(
            variables={"MINE": "8080"},
            portMappings=[{"containerPort": 8080}],
            healthCheck={"command": ["CMD-SHELL", 'test ! -e "$OUT/ill-$MINE"'], "retries": 2},
        )
    )
    [first] = service.runs(1)
    service.lab.wait_for(lambda: service.tasks()[0]["healthStatus"] == "HEALTHY")
    (service.out / f"ill-{service.variables(first)['MINE']}").touch()
    assert first in service.runs(2)
    service.gone(first)
    [stopped] = service.tasks("STOPPED")
    assert stopped["stoppedReason"] == "Task failed container health checks"
    assert service.left(first)


@aws_rule(
    page="ECS API reference, DeleteService",
    says="a deleted service is DRAINING until its tasks have stopped, then INACTIVE",
    alone="INACTIVE at once",
)
def test_a_deleted_service_drains_before_it_is_gone(service: Any) -> None:
    service.create(service.define())
    [pid] = service.runs(1)
    answer = service.ecs.delete_service(cluster=service.name, service=service.name, force=True)
    assert answer["service"]["status"] == "DRAINING"
    service.lab.wait_for(lambda: service.described()["status"] == "INACTIVE")
    assert processes.find(pid) is None
