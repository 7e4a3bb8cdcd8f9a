"""An embedded AWS for a session of tests, and functions small enough to be deployed in no time."""

import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import supervisor
from infra.local.supervisor import LocalAws

__all__ = ["aws", "client", "make_ledger", "package_file", "where"]

ROOT = Path(__file__).resolve().parent.parent
HANDLER = "def handler(event, context):\n    return {'version': context.function_version}\n"


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An embedded AWS on a free port."""
    folder = tmp_path_factory.mktemp("aws")
    yield supervisor.start(folder)
    supervisor.stop(folder)


@pytest.fixture(scope="session")
def client(aws: LocalAws) -> Callable[[str], Any]:
    """Make a client of a service of the embedded AWS."""
    return partial(boto3.session.Session().client, **where(aws))


def where(aws: LocalAws) -> dict[str, str]:
    """Return the words by which a client of boto3 reaches this AWS."""
    return {
        "endpoint_url": aws.endpoint,
        "region_name": aws.region,
        "aws_access_key_id": aws.access_key_id,
        "aws_secret_access_key": aws.secret_access_key,
    }


def make_ledger(dynamodb: Any, name: str) -> None:
    """Make a table with a ledger's keys, for tests that deploy nothing else."""
    keys = {"pk": "HASH", "sk": "RANGE"}
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture(scope="session")
def package_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every function of the project, answering with its version and nothing else."""
    path = tmp_path_factory.mktemp("package") / "functions.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambdas/__init__.py", "")
        for handler in sorted(ROOT.glob("lambdas/*/handler.py")):
            archive.writestr(f"lambdas/{handler.parent.name}/__init__.py", "")
            archive.writestr(f"lambdas/{handler.parent.name}/handler.py", HANDLER)
    return path
