"""A task of ECS is a real process, started, heard, limited and stopped as a container is."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local import processes, supervisor
from tests.local_aws import aws_rule

DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(0.05)\n"


@aws_rule(
    page="ECS developer guide, Specify sensitive data using Secrets Manager secrets in Amazon ECS",
    says="a container gets its variables, and each secret's value or the part of it that is named",
    alone="runs nothing without Docker",
    here="a process of this environment, with the command of the container definition",
)
def test_tasks_run_with_their_environment_and_nothing_of_ours(service: Any) -> None:
    key = service.lab.client("secretsmanager").create_secret(
        Name=service.name, SecretString=json.dumps({"token": "t0k"})
    )["ARN"]
    secrets = [{"name": "TOKEN", "valueFrom": f"{key}:token::"}]
    service.create(service.define(secrets=secrets, variables={"COLOUR": "blue"}), count=2)
    first, second = service.runs(2)
    found = service.variables(first)
    assert found["TOKEN"] == "t0k"
    assert found["COLOUR"] == "blue"
    assert found["AWS_ENDPOINT_URL"] == service.lab.aws.endpoint
    assert found["AWS_REGION"] == service.lab.aws.region
    assert not [name for name in found if name.startswith("PYTEST")]
    assert {first, second} <= set(service.lab.aws.task_pids())


@aws_rule(
    page="ECS API reference, StopTask",
    says="a container gets SIGTERM, and SIGKILL when `stopTimeout` (30 s) is over",
    alone="STOPPED at once",
)
def test_a_task_that_does_not_heed_is_killed_after_its_time_to_stop(service: Any) -> None:
    service.create(service.define(service.plain + DEAF, stopTimeout=5))
    [pid] = service.runs(1)
    service.update(desiredCount=0)
    [stopping] = service.lab.wait_for(lambda: service.tasks("STOPPED"))
    assert stopping["lastStatus"] != "STOPPED"
    assert processes.find(pid)
    service.gone(pid)
    service.lab.wait_for(lambda: service.tasks("STOPPED")[0]["lastStatus"] == "STOPPED")
    assert service.tasks("STOPPED")[0]["containers"][0]["exitCode"] == 137


@aws_rule(
    page="ECS developer guide, Amazon ECS task networking options for Fargate",
    says="each task has an address of its own, on which its ports are",
    alone="no address",
    here=(
        "tasks share 127.0.0.1: each port is moved to a free one, in variables and "
        "health check as well"
    ),
)
def test_a_mapped_port_is_a_free_one_of_this_machine(service: Any) -> None:
    code = service.plain + (
        "import http.server\n"
        "address = (os.environ['HOST'], int(os.environ['PORT']))\n"
        "http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    ask = "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8080/README.md')\""
    service.create(
        service.define(
            code,
            variables={"HOST": "0.0.0.0", "PORT": "8080"},
            portMappings=[{"containerPort": 8080}],
            healthCheck={"command": ["CMD-SHELL", ask]},
        ),
        count=2,
    )
    service.runs(2)
    service.lab.wait_for(lambda: {t["healthStatus"] for t in service.tasks()} == {"HEALTHY"})
    bound = [task["containers"][0]["networkBindings"][0]["hostPort"] for task in service.tasks()]
    assert len(set(bound)) == 2
    for port in bound:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/README.md", timeout=60) as answer:
            assert answer.status == 200


@aws_rule(
    page="CloudWatch user guide, Specification: Embedded metric format",
    says="lines of a container go to its log group, and metrics in them to CloudWatch",
    alone="no line, no metric",
)
def test_what_a_task_writes_is_in_its_log_and_its_metrics_in_cloudwatch(service: Any) -> None:
    group = f"/sluice/{service.name}"
    service.lab.client("logs").create_log_group(logGroupName=group)
    line = {
        "_aws": {
            "CloudWatchMetrics": [
                {"Namespace": "Test", "Dimensions": [["Of"]], "Metrics": [{"Name": "Eaten"}]}
            ]
        },
        "Of": service.name,
        "Eaten": 7,
    }
    options = {"awslogs-group": group, "awslogs-region": "us-east-1"}
    options |= {"awslogs-stream-prefix": "w"}
    service.create(
        service.define(
            service.plain
            + f"print({json.dumps(line)!r})\nprint('beside it', file=sys.stderr)\n"
            + service.stay,
            logConfiguration={"logDriver": "awslogs", "options": options},
        )
    )
    service.runs(1)
    logs = service.lab.client("logs")
    wanted = {json.dumps(line), "beside it"}

    def written() -> bool:
        events = logs.filter_log_events(logGroupName=group)["events"]
        return wanted <= {event["message"] for event in events}

    service.lab.wait_for(written)
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"].startswith("w/worker/")
    metrics = service.lab.client("cloudwatch").list_metrics(Namespace="Test", MetricName="Eaten")
    assert metrics["Metrics"][0]["Dimensions"] == [{"Name": "Of", "Value": service.name}]


def test_a_task_that_cannot_start_says_why(service: Any) -> None:
    service.create(service.define(command=[]))
    [stopped, *_] = service.lab.wait_for(lambda: service.tasks("STOPPED"))
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "name it in the container definition" in stopped["stoppedReason"]


@aws_rule(
    page="ECS API reference, ContainerDefinition",
    says="a container that exceeds its memory is killed",
    alone="no limit",
)
def test_a_task_beyond_its_memory_is_killed(service: Any) -> None:
    service.create(
        service.define(service.plain + "x = bytearray(200 << 20)\n" + service.stay, memory=100)
    )
    [stopped, *_] = service.lab.wait_for(lambda: service.tasks("STOPPED"))
    assert stopped["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_nothing_outlives_the_local_aws(
    make_lab: Callable[..., Any], service_on: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    lab = make_lab()
    service = service_on(lab, tmp_path, "outlives")
    service.create(service.define(service.plain + DEAF), count=2)
    pids = service.runs(2)
    if how == "stopped":
        supervisor.stop(tmp_path / "aws")
    else:
        os.kill(lab.aws.emulator_pid, signal.SIGKILL)
    for pid in pids:
        service.gone(pid)


ALLOWED = """
import boto3

def tried(ask):
    try:
        ask()
    except Exception as error:
        return type(error).__name__
    return "allowed"

boto3.setup_default_session()
(out / "who").write_text(json.dumps({
    "arn": boto3.client("sts").get_caller_identity()["Arn"],
    "s3": tried(boto3.client("s3").list_buckets),
    "dynamodb": tried(boto3.client("dynamodb").list_tables),
}))
"""
ASSUMED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@aws_rule(
    page="ECS developer guide, Amazon ECS task IAM role",
    says="a task may do what its task role allows and no more",
    alone="runs nothing without Docker",
    here="the same where IAM is enforced; the keys are variables that do not expire",
)
def test_a_task_is_allowed_what_its_role_is(
    make_lab: Callable[..., Any], service_on: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab(enforce_iam=True)
    listing = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    iam = lab.client("iam")
    arn = iam.create_role(RoleName="lister", AssumeRolePolicyDocument=json.dumps(ASSUMED))
    iam.put_role_policy(
        RoleName="lister",
        PolicyName="allowed",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [listing]}),
    )
    service = service_on(lab, tmp_path, "allowed")
    service.create(service.define(service.plain + ALLOWED + service.stay, role=arn["Role"]["Arn"]))
    lab.wait_for((tmp_path / "who").exists)
    who = lab.wait_for(lambda: json.loads((tmp_path / "who").read_text() or "{}"))
    assert ":assumed-role/lister/" in who["arn"]
    assert who["s3"] == "allowed"
    assert who["dynamodb"] == "ClientError"
