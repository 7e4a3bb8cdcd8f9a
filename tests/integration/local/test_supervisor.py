"""Starting and stopping the local AWS: no orphan, no half-made start, no stranger killed."""

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local import processes, supervisor
from infra.local.processes import Process
from pipeline.errors import UserError
from tests.local_aws import aws_rule

STUBBORN = """
import signal

def handler(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(event)
    while True:
        time.sleep(1)
"""


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "aws"
    supervisor.stop(tmp_path / "aws")


def family(aws: supervisor.LocalAws) -> list[Process]:
    pids = [aws.pid, aws.front_pid, aws.emulator_pid, aws.mapping_pid, *aws.worker_pids()]
    found = [process for pid in pids if (process := processes.find(pid))]
    assert len(found) == len(pids)
    return found


def test_it_answers_when_started_and_is_gone_when_stopped(state_dir: Path) -> None:
    aws = supervisor.start(state_dir)
    assert supervisor.running(state_dir) == aws
    assert urllib.request.urlopen(f"{aws.endpoint}/_ministack/health").status == 200
    members = family(aws)
    supervisor.stop(state_dir)
    assert not any(processes.alive(member) for member in members)
    assert supervisor.running(state_dir) is None
    assert not (state_dir / "emulator").exists()


def test_it_listens_on_this_machine_alone(state_dir: Path) -> None:
    aws = supervisor.start(state_dir)
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("needs /proc to see who listens where")
    rows = [line.split() for line in listening.read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "0A" and not row[1].startswith("0100007F")}
    opened = [str(fd.readlink()) for fd in Path(f"/proc/{aws.emulator_pid}/fd").iterdir()]
    assert any("socket:" in link for link in opened)
    assert not {f"socket:[{inode}]" for inode in inodes} & set(opened)


def test_starting_twice_gives_the_same_one_and_stopping_twice_is_harmless(
    state_dir: Path,
) -> None:
    assert supervisor.start(state_dir) == supervisor.start(state_dir)
    supervisor.stop(state_dir)
    supervisor.stop(state_dir)


def test_nothing_survives_the_death_of_the_supervisor_not_even_a_worker_at_work(
    make_lab: Callable[..., Any],
) -> None:
    lab = make_lab()
    lab.deploy("stubborn", STUBBORN, timeout=900)
    lab.stream("stubborn")
    lab.map("stubborn")
    lab.put("stubborn", "one")
    lab.wait_for(lambda: lab.invocations("stubborn"))
    members = family(lab.aws)
    assert len(members) == 5
    os.kill(lab.aws.pid, signal.SIGKILL)
    lab.wait_for(lambda: not any(processes.alive(member) for member in members))


def test_a_worker_at_work_does_not_hold_up_a_stop(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab()
    lab.deploy("stubborn", STUBBORN, timeout=900)
    lab.stream("stubborn")
    lab.map("stubborn")
    lab.put("stubborn", "one")
    lab.wait_for(lambda: lab.invocations("stubborn"))
    members = family(lab.aws)
    supervisor.stop(tmp_path / "aws")
    assert not any(processes.alive(member) for member in members)


def test_a_mapping_that_dies_is_started_again_and_resumes(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab()
    lab.deploy("resumed")
    lab.stream("resumed")
    lab.map("resumed")
    lab.put("resumed", "one")
    checkpoints = tmp_path / "aws" / "checkpoints.json"
    lab.wait_for(lambda: checkpoints.exists() and '"delivered": {"shard' in checkpoints.read_text())
    os.kill(lab.aws.mapping_pid, signal.SIGKILL)
    lab.put("resumed", "two")
    lab.wait_for(lambda: "two" in lab.delivered("resumed"))
    assert lab.delivered("resumed") == ["one", "two"]
    now = partial(supervisor.running, tmp_path / "aws")
    lab.wait_for(lambda: (aws := now()) and aws.mapping_pid != lab.aws.mapping_pid)


def test_the_end_of_the_emulator_is_the_end_of_all(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab()
    members = family(lab.aws)
    os.kill(lab.aws.emulator_pid, signal.SIGKILL)
    lab.wait_for(lambda: not any(processes.alive(member) for member in members))
    assert supervisor.running(tmp_path / "aws") is None


def test_a_port_in_use_is_said_in_one_line(state_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*choose"):
            supervisor.start(state_dir, port=port)
    assert supervisor.running(state_dir) is None


def test_another_emulator_on_the_port_is_not_taken_for_ours(
    state_dir: Path, make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    port = int(make_lab().aws.endpoint.rsplit(":", 1)[1])
    with pytest.raises(UserError, match="cannot listen"):
        supervisor.start(tmp_path / "second", port=port)
    assert supervisor.running(tmp_path / "second") is None


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        supervisor.start(tmp_path / "file")


def test_stopping_spares_a_process_that_was_given_the_old_id(state_dir: Path) -> None:
    supervisor.start(state_dir)
    state = (state_dir / "aws.json").read_text()
    supervisor.stop(state_dir)
    this = processes.find(os.getpid())
    assert this is not None
    old = json.loads(state)
    old["pid"], old["started"] = this.pid, "0"
    (state_dir / "aws.json").write_text(json.dumps(old))
    assert supervisor.running(state_dir) is None
    supervisor.stop(state_dir)
    assert processes.alive(this)


@aws_rule(
    page="Lambda developer guide, Lambda execution role",
    says="the mapping reads the stream with the function's role",
    alone="reads its own store, and asks no permission",
)
def test_with_iam_enforced_a_stream_is_read_with_the_functions_role(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab(enforce_iam=True)
    iam = lab.client("iam")
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    trust += '"Principal":{"Service":"lambda.amazonaws.com"}}]}'
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)
    lab.deploy("reader", role="reader")
    stream_arn = lab.stream("reader")
    lab.map("reader")
    lab.put("reader", "one")
    log = tmp_path / "aws" / "mapping.log"
    lab.wait_for(lambda: "not authorized to perform: kinesis:" in log.read_text())
    actions = '["kinesis:DescribeStreamSummary","kinesis:GetRecords","kinesis:GetShardIterator",'
    actions += '"kinesis:ListShards"]'
    policy = f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},'
    policy += f'"Resource":"{stream_arn}"}}]}}'
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=policy)
    lab.wait_for(lambda: lab.delivered("reader") == ["one"])


def test_with_iam_enforced_an_unknown_caller_is_refused(make_lab: Callable[..., Any]) -> None:
    lab = make_lab(enforce_iam=True)
    stranger = boto3.client(
        "kinesis",
        endpoint_url=lab.aws.endpoint,
        region_name=lab.aws.region,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="unknown",
    )
    with pytest.raises(ClientError):
        stranger.list_streams()
