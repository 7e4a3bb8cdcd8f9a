"""Give a stack's Pulsar cluster what its machines wait for: programs, certificate and tokens.

    python -m infra.pulsar_credentials OUTPUTS_FILE [--host NAME ...] [--renew] [--programs FOLDER]

OUTPUTS_FILE is what `pulumi stack output --json` prints. What is there already is left alone:
`--renew` makes certificate, keys and tokens anew; brokers know them once their machines are
replaced, and new tasks are refused until then. `--programs` names a folder with the files of
`infra/pulsar/programs.py`; only those of the right hash are put. A certificate of one's own goes
into the brokers' secret by hand, under the same members.

Workers and watcher are started anew each time: a task is told its secrets when it starts, and ECS
gives a service up for good after three that found theirs empty, or no broker. Run it again once
brokers serve, if they took longer than that.
"""

import argparse
import base64
import datetime as dt
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from infra.pulsar.credentials import Tls, TokenKeys, make_tls, make_token_keys, token_keys_of
from infra.pulsar.programs import DISTRIBUTION, JAVA, OFFLOADERS
from infra.pulsar.roles import ADMIN, BROKER, PRODUCER, WATCHER, WORKER
from pipeline.errors import UserError

Say = Callable[[str], object]
CLIENTS: Final = {"worker": WORKER, "watcher": WATCHER, "producer": PRODUCER}
"""Whose secrets hold a token, by their kinds."""
FIRST_REGION: Final = "us-east-1"
"""Where machines have names of another form (EC2 user guide, "EC2 instance hostname types")."""


def hosts_of(service_url: str, region: str) -> list[str]:
    """Return the names under which brokers are called: the load balancer's, and their own."""
    balancer = service_url.rpartition("//")[2].rpartition(":")[0]
    own = "*.ec2.internal" if region == FIRST_REGION else f"*.{region}.compute.internal"
    return [balancer, own]


def values(tls: Tls, keys: TokenKeys) -> dict[str, dict[str, str]]:
    """Return what each secret holds: the brokers' the public half of what signs, and no more."""
    return {
        "brokers": {
            "ca": tls.ca,
            "certificate": tls.certificate,
            "key": tls.key,
            "token_public_base64": base64.b64encode(keys.public_der).decode(),
            **keys.tokens((ADMIN, BROKER)),
        },
        **{kind: dict(_client(tls.ca, keys, kind)) for kind in CLIENTS},
        "signing": {"private": keys.private_pem},
    }


def fill_secrets(
    manager: Any, arns: Mapping[str, str], made: Mapping[str, Mapping[str, str]], *, renew: bool
) -> Sequence[str]:
    """Put what was made into the secrets that are empty, or into all; return the kinds of those.

    A token of one pair of keys says nothing to a broker that has another: beside secrets that are
    filled a client's is signed by the key that is held. Raises UserError where that is not there.
    """
    held = {} if renew else _held(manager, arns)
    empty = [kind for kind in arns if kind not in held]
    if held and empty:
        made = _beside(held, empty)
    for kind in empty:
        manager.put_secret_value(SecretId=arns[kind], SecretString=json.dumps(made[kind]))
    return empty


def _held(manager: Any, arns: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """Return what the secrets hold that are filled, by kind."""
    texts = {kind: _text(manager, arn) for kind, arn in arns.items()}
    return {kind: json.loads(text) for kind, text in texts.items() if text}


def _beside(
    held: Mapping[str, Mapping[str, str]], empty: Sequence[str]
) -> dict[str, Mapping[str, str]]:
    """Return what clients' secrets hold that came later than the others."""
    if not set(empty) <= set(CLIENTS):
        raise UserError(
            f"secrets are filled in part: {', '.join(empty)} are empty; --renew makes all anew"
        )
    keys = token_keys_of(held["signing"]["private"])
    return {kind: _client(held["brokers"]["ca"], keys, kind) for kind in empty}


def _client(ca: str, keys: TokenKeys, kind: str) -> Mapping[str, str]:
    return {"ca": ca, "token": keys.token(CLIENTS[kind])}


def start_tasks(ecs: Any, outputs: Mapping[str, Any], say: Say) -> None:
    """Have ECS start workers and watcher anew; those that run stay until the new ones are well."""
    for service in (outputs["worker_service"], outputs["watcher_service"]):
        ecs.update_service(
            cluster=outputs["worker_cluster"], service=service, forceNewDeployment=True
        )
        say(f"{service}: starts anew")


def put_programs(s3: Any, bucket: str, folder: Path, say: Say) -> None:
    """Put the programs that are not there yet. Raises UserError for a file of another hash."""
    for program in (DISTRIBUTION, JAVA, OFFLOADERS):
        if _there(s3, bucket, program.key):
            continue
        path = folder / program.name
        if not path.is_file():
            raise UserError(f"{path}: no such file; it is to have the sha256 {program.sha256}")
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != program.sha256:
            raise UserError(f"{path}: its sha256 is {found}, not {program.sha256}")
        s3.upload_file(str(path), bucket, program.key)
        say(f"{program.name}: put")


def _text(manager: Any, arn: str) -> str:
    try:
        return str(manager.get_secret_value(SecretId=arn).get("SecretString") or "")
    except manager.exceptions.ResourceNotFoundException:
        return ""


def _there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return False
        raise
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill what is asked for; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.pulsar_credentials")
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--host", action="append", default=[], help="one more name in it")
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("--programs", type=Path)
    options = parser.parse_args(arguments)
    outputs = json.loads(options.outputs.read_text(encoding="utf-8"))
    region = outputs["region"]
    try:
        if options.programs is not None:
            put_programs(
                boto3.client("s3", region_name=region),
                outputs["broker_bucket"],
                options.programs,
                _say,
            )
        hosts = [*hosts_of(outputs["connection"]["service_url"], region), *options.host]
        made = values(make_tls(hosts, now=dt.datetime.now(dt.UTC)), make_token_keys())
        manager = boto3.client("secretsmanager", region_name=region)
        filled = fill_secrets(manager, outputs["broker_secrets"], made, renew=options.renew)
        none = "none, all were; --renew makes them anew"
        _say(f"secrets filled: {', '.join(filled) or none}")
        start_tasks(boto3.client("ecs", region_name=region), outputs, _say)
    except UserError as error:
        _say(str(error))
        return 2
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
