"""What each part may do, and that it is no more."""

import ast
import json
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

from infra import policies

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "arn:aws:s3:::lake"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/events"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/one"
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/f"

ARNS = {"stream": STREAM, "ledger": TABLE, "lake": BUCKET, "key": KEY}
GRANTED = [*policies.process_events(**ARNS), *policies.write_logs(LOGS)]
WATCHERS = {
    "probe": policies.probe_freshness(**ARNS),
    "auditor": policies.audit_lake(**ARNS),
}
DOCUMENTS = {
    "function": policies.document(GRANTED),
    **{name: policies.document(statements) for name, statements in WATCHERS.items()},
    "key": policies.key_policy(account="123456789012", region="eu-central-1"),
    "topic": policies.publish_alarms("arn:aws:sns:::t", account="123456789012"),
    "trust": policies.assumed_by("lambda.amazonaws.com"),
    "bucket": policies.tls_only(BUCKET),
}

NEEDED_OF_KEY = {
    "a key": {
        *("DescribeKey", "GetKeyPolicy", "PutKeyPolicy", "GetKeyRotationStatus"),
        *("EnableKeyRotation", "DisableKeyRotation", "UpdateKeyDescription", "ListResourceTags"),
        *("TagResource", "UntagResource", "ScheduleKeyDeletion", "CreateAlias", "DeleteAlias"),
    },
    "an encrypted volume": {
        *("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext"),
        *("ReEncryptFrom", "ReEncryptTo"),
    },
    "an encrypted table": {
        *("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey"),
        *("GenerateDataKeyWithoutPlaintext", "DescribeKey", "CreateGrant"),
    },
}
"""By the guides that `infra/policies.py` names; a "*" of theirs written out for a symmetric key."""


def _statements(document: str) -> list[dict[str, Any]]:
    return list(json.loads(document)["Statement"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_is_allowed_by_wildcard(name: str) -> None:
    allowed = [s for s in _statements(DOCUMENTS[name]) if s["Effect"] == "Allow"]
    assert [a for statement in allowed for a in statement["Action"] if "*" in a] == []


def test_a_function_may_touch_its_own_resources_alone() -> None:
    for statement in GRANTED:
        for resource in statement["Resource"]:
            assert resource.startswith((BUCKET, TABLE, STREAM, KEY, LOGS))


def test_a_function_may_never_delete() -> None:
    actions = {action for statement in GRANTED for action in statement["Action"]}
    assert not {a for a in actions if "Delete" in a or "Administer" in a or "Put*" in a}


def test_the_lake_is_open_to_functions_in_its_prefixes_alone() -> None:
    resources = {
        r.removeprefix(f"{BUCKET}/")
        for statement in GRANTED
        if statement["Resource"][0].startswith(BUCKET)
        and "s3:ListBucket" not in statement["Action"]
        for r in statement["Resource"]
    }
    assert resources == {"lake/*", "staging/*", "ids/*", "journal/*", "aws/lambda/*"}


def test_listing_the_lake_shows_its_prefixes_alone() -> None:
    (listing,) = [s for s in policies.use_lake(BUCKET) if "s3:ListBucket" in s["Action"]]
    prefixes = listing["Condition"]["StringLike"]["s3:prefix"]
    assert prefixes == ["lake/*", "staging/*", "ids/*", "journal/*", "aws/lambda/*"]


def _granted(watcher: str, service: str) -> dict[str, set[str]]:
    """What a watcher may do in a service: resources by action."""
    granted: dict[str, set[str]] = {}
    for statement in WATCHERS[watcher]:
        for action in statement["Action"]:
            if action.startswith(f"{service}:"):
                granted.setdefault(action, set()).update(statement["Resource"])
    return granted


@pytest.mark.parametrize("watcher", WATCHERS)
def test_a_watcher_reads_its_own_resources_and_writes_neither_lake_nor_ledger(
    watcher: str,
) -> None:
    assert set(_granted(watcher, "s3")) == {"s3:GetObject", "s3:ListBucket"}
    assert set(_granted(watcher, "dynamodb")) == {"dynamodb:GetItem", "dynamodb:Query"}
    for statement in WATCHERS[watcher]:
        for resource in statement["Resource"]:
            assert resource.startswith((BUCKET, TABLE, STREAM, KEY))


def test_the_probe_sees_its_canaries_in_the_lake_and_nothing_else() -> None:
    assert _granted("probe", "s3")["s3:GetObject"] == {f"{BUCKET}/lake/canaries/*"}
    (listing,) = [s for s in WATCHERS["probe"] if "s3:ListBucket" in s["Action"]]
    assert listing["Condition"]["StringLike"]["s3:prefix"] == ["lake/canaries/*"]


def test_the_probe_may_put_a_canary_and_the_auditor_nothing() -> None:
    def writing(watcher: str) -> set[str]:
        return {action for action in _granted(watcher, "kinesis") if ":Put" in action}

    assert writing("probe") == {"kinesis:PutRecord"}
    assert writing("auditor") == set()
    assert set(_granted("auditor", "kms")) == {"kms:Decrypt", "kms:DescribeKey"}


def test_plain_http_is_refused_to_everybody() -> None:
    (statement,) = _statements(policies.tls_only(BUCKET))
    assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [BUCKET, f"{BUCKET}/*"]


def test_a_service_uses_the_key_for_this_account_alone() -> None:
    for statement in _statements(DOCUMENTS["key"]):
        if "Service" in statement["Principal"]:
            assert "123456789012" in json.dumps(statement["Condition"])


def _key_actions(principal: str) -> set[str]:
    """What the key's own policy allows to whom, without the service's prefix."""
    (statement,) = [
        s for s in _statements(DOCUMENTS["key"]) if principal in str(s["Principal"].values())
    ]
    return {action.removeprefix("kms:") for action in statement["Action"]}


def _called_of_kms() -> set[str]:
    """The operations of KMS by whose names `sluice/` calls a client."""
    operations = botocore.session.Session().get_service_model("kms").operation_names
    named = {botocore.xform_name(operation): operation for operation in operations}
    called = {
        node.func.attr
        for path in (ROOT / "sluice").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {named[name] for name in called & named.keys()}


def test_whatever_the_command_line_does_with_a_key_the_account_may_delegate() -> None:
    called = _called_of_kms()
    assert {"RotateKeyOnDemand", "ListKeyRotations", "CancelKeyDeletion"} <= called
    assert called <= _key_actions(":root")


@pytest.mark.parametrize(("what", "needed"), NEEDED_OF_KEY.items(), ids=NEEDED_OF_KEY)
def test_the_account_may_delegate_whatever_makes_and_manages_its_resources(
    what: str, needed: set[str]
) -> None:
    assert needed <= _key_actions(":root"), what


def test_logs_are_encrypted_by_what_their_guide_asks_for() -> None:
    assert _key_actions("logs.") == {
        *("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
    }


def test_the_same_statements_are_the_same_text() -> None:
    assert policies.document(GRANTED) == policies.document([dict(s) for s in GRANTED])
