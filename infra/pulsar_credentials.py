"""Give a stack's Pulsar cluster what its machines wait for: programs, certificate and tokens.

    python -m infra.pulsar_credentials OUTPUTS_FILE [--host NAME ...] [--programs FOLDER]
        [--renew | --renew-all]

OUTPUTS_FILE is what `pulumi stack output --json` prints. What is there already is left alone.
`--programs` names a folder with the files of `infra/pulsar/programs.py`; only those of the right
hash are put. `--renew` makes the brokers' certificate anew, signed by the authority that everybody
trusts already: brokers show it once their machines are replaced, and nobody is refused meanwhile.
An authority that is new itself is first trusted beside the one before, and signs when `--renew` is
run again. `--renew-all` makes authority, keys and tokens anew, for when what signs was read: until
the brokers' machines are replaced new tasks are refused. A certificate of one's own goes into the
brokers' secret by hand, under the same members.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.pulsar.credentials import (
    CERTIFICATE_DAYS_DEFAULT,
    Authority,
    Tls,
    TokenKeys,
    make_authority,
    make_token_keys,
    token_keys_of,
)
from infra.pulsar.programs import DISTRIBUTION, JAVA, OFFLOADERS
from infra.pulsar.roles import ADMIN, BROKER, PRODUCER, WATCHER, WORKER
from pipeline.errors import UserError

Say = Callable[[str], object]
Secrets = Mapping[str, Mapping[str, str]]
"""What secrets hold, by kind and member."""
Anew = Literal["", "certificate", "all"]
CALLS: Final = Config(
    connect_timeout=3, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4}
)
AUTHORITY: Final = "authority"
AUTHORITY_KEY: Final = "authority_key"
"""Members of the signing secret."""
CERTIFICATE_MAX: Final = dt.timedelta(days=CERTIFICATE_DAYS_DEFAULT)
CLIENTS: Final = {"worker": WORKER, "watcher": WATCHER, "producer": PRODUCER}
"""Whose secrets hold a token, by their kinds."""
OUTPUTS: Final = frozenset(
    {
        *("region", "connection", "broker_bucket", "broker_secrets"),
        *("worker_cluster", "worker_service", "watcher_service"),
    }
)
"""What is read of a stack's outputs."""
FIRST_REGION: Final = "us-east-1"
"""Where machines have names of another form (EC2 user guide, "EC2 instance hostname types")."""


def hosts_of(service_url: str, region: str) -> list[str]:
    """Return the names under which brokers are called: the load balancer's, and their own."""
    balancer = service_url.rpartition("//")[2].rpartition(":")[0]
    own = "*.ec2.internal" if region == FIRST_REGION else f"*.{region}.compute.internal"
    return [balancer, own]


def values(authority: Authority, tls: Tls, keys: TokenKeys) -> Secrets:
    """Return what each secret holds: the brokers' the public half of what signs, and no more."""
    return {
        "brokers": {
            "ca": tls.ca,
            "certificate": tls.certificate,
            "key": tls.key,
            "token_public_base64": base64.b64encode(keys.public_der).decode(),
            **keys.tokens((ADMIN, BROKER)),
        },
        **{kind: _client(tls.ca, keys, kind) for kind in CLIENTS},
        "signing": {"private": keys.private_pem, **_signs(authority)},
    }


def made(hosts: Sequence[str], *, now: dt.datetime) -> Secrets:
    """Return all anew."""
    authority = make_authority(now=now)
    return values(authority, authority.sign(hosts, now=now), make_token_keys())


def renewed(held: Secrets, hosts: Sequence[str], *, now: dt.datetime) -> Secrets:
    """Return what is held with another certificate; tokens, and what signs them, stay.

    Where the authority is not held, not trusted or near its end, there is another beside it
    instead: brokers call each other, so all have to trust it before one shows what it signed.
    """
    brokers, signing = held["brokers"], held["signing"]
    authority = Authority(
        certificate=signing.get(AUTHORITY, ""), key=signing.get(AUTHORITY_KEY, "")
    )
    lasts = authority.certificate and authority.ends > now + CERTIFICATE_MAX
    if lasts and authority.certificate in brokers["ca"]:
        tls = authority.sign(hosts, now=now)
        return {**held, "brokers": {**brokers, "certificate": tls.certificate, "key": tls.key}}
    if not lasts:
        authority = make_authority(now=now)
    ca = f"{brokers['ca'].rstrip()}\n{authority.certificate}"
    trusting = {kind: {**held[kind], "ca": ca} for kind in ("brokers", *CLIENTS) if kind in held}
    return {**held, **trusting, "signing": {**signing, **_signs(authority)}}


def fill_secrets(
    manager: Any, arns: Mapping[str, str], hosts: Sequence[str], *, now: dt.datetime, anew: Anew
) -> Sequence[str]:
    """Fill the secrets that are empty, and those that are to be anew; return their kinds.

    A token of one pair of keys says nothing to a broker that has another: beside secrets that are
    filled a client's is signed by the key that is held. Raises UserError where that is not there.
    """
    held = _held(manager, arns)
    if anew == "all" or not held:
        wanted = made(hosts, now=now)
    else:
        wanted = _completed(held, arns)
        if anew == "certificate":
            wanted = renewed(wanted, hosts, now=now)
    filled = [kind for kind in arns if wanted[kind] != held.get(kind)]
    for kind in filled:
        manager.put_secret_value(SecretId=arns[kind], SecretString=json.dumps(wanted[kind]))
    return filled


def _held(manager: Any, arns: Mapping[str, str]) -> Secrets:
    """Return what the secrets hold that are filled, by kind."""
    texts = {kind: _text(manager, arn) for kind, arn in arns.items()}
    return {kind: json.loads(text) for kind, text in texts.items() if text}


def _completed(held: Secrets, kinds: Iterable[str]) -> Secrets:
    """Return what is held, and what clients' secrets hold that came later than the others."""
    empty = [kind for kind in kinds if kind not in held]
    if not set(empty) <= set(CLIENTS):
        raise UserError(
            f"secrets are filled in part: {', '.join(empty)} are empty; --renew-all makes all anew"
        )
    keys = token_keys_of(held["signing"]["private"])
    return {**held, **{kind: _client(held["brokers"]["ca"], keys, kind) for kind in empty}}


def _client(ca: str, keys: TokenKeys, kind: str) -> Mapping[str, str]:
    return {"ca": ca, "token": keys.token(CLIENTS[kind])}


def _signs(authority: Authority) -> Mapping[str, str]:
    return {AUTHORITY: authority.certificate, AUTHORITY_KEY: authority.key}


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
    parser.add_argument("--programs", type=Path, help="the folder with the machines' programs")
    renewing = parser.add_mutually_exclusive_group()
    for option, anew in (("--renew", "certificate"), ("--renew-all", "all")):
        renewing.add_argument(option, action="store_const", const=anew, dest="anew", default="")
    options = parser.parse_args(arguments)
    try:
        outputs = outputs_of(options.outputs)
        give(outputs, programs=options.programs, hosts=options.host, anew=options.anew)
    except UserError as error:
        _say(str(error))
        return 2
    except (Boto3Error, BotoCoreError, ClientError) as error:
        _say(f"AWS: {' '.join(str(error).split())}; run it again once that is mended")
        return 1
    return 0


def outputs_of(path: Path) -> Mapping[str, Any]:
    """Return a stack's outputs. Raises UserError where they are none with a Pulsar of its own."""
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
        missing = sorted(OUTPUTS - outputs.keys())
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: {error}; `pulumi stack output --json` prints them") from error
    if missing:
        raise UserError(f"{path}: no {missing[0]}: no outputs of a stack with a Pulsar of its own")
    return dict(outputs)


def give(
    outputs: Mapping[str, Any], *, programs: Path | None, hosts: Sequence[str], anew: Anew
) -> None:
    """Put programs and secrets, and start the tasks. Raises UserError and boto3's errors."""
    region = outputs["region"]

    def client(service: Literal["ecs", "s3", "secretsmanager"]) -> Any:
        return boto3.client(service, region_name=region, config=CALLS)

    if programs is not None:
        put_programs(client("s3"), outputs["broker_bucket"], programs, _say)
    names = [*hosts_of(outputs["connection"]["service_url"], region), *hosts]
    now = dt.datetime.now(dt.UTC)
    secrets = outputs["broker_secrets"]
    filled = fill_secrets(client("secretsmanager"), secrets, names, now=now, anew=anew)
    _say(f"secrets filled: {', '.join(filled) or 'none, all were'}")
    if anew == "certificate" and "signing" in filled:
        _say("their authority is new: replace the brokers' machines, then run --renew once more")
    elif anew:
        _say("brokers show them once their machines are replaced")
    start_tasks(client("ecs"), outputs, _say)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
