"""Which operation of which service a request is, read off its head alone where that is possible."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from infra.local.front.wire import Head

CONTROL_PATH = b"/_sluice/front"
"""No service of AWS has a path like it: an S3 bucket's name does not begin with `_`."""
_TARGETS = {
    b"Kinesis_20131202": "kinesis",
    b"DynamoDB_20120810": "dynamodb",
    b"GraniteServiceVersion20100801": "cloudwatch",
    b"Logs_20140328": "logs",
    b"AWSEvents": "events",
    b"AWSGlue": "glue",
    b"TrentService": "kms",
    b"AmazonSQS": "sqs",
}
"""The first part of `X-Amz-Target`, which services of the JSON protocol are called by."""
_SCOPES = {"monitoring": "cloudwatch"}
"""Services whose name in a signature is not the one of their client."""
_SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_INVOKE = re.compile(rb"/2015-03-31/functions/([^/]+)/invocations$")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request to AWS: "kinesis" and "PutRecords"; "" where the head does not tell.

    `resource` is what the path names: an S3 object as `bucket/key`, a function's name.
    """

    service: str = ""
    operation: str = ""
    resource: str = ""
    # Of the query protocol (SNS, STS, IAM): the operation stands in the body.
    by_form: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """Return the S3 object's key, "" for anything else."""
        return self.resource.partition("/")[2] if self.service == "s3" else ""


def of(head: Head) -> Call:
    """Return the call that a request's head makes."""
    if target := head.fields.get(b"x-amz-target"):
        prefix, _, operation = target.rpartition(b".")
        service = _TARGETS.get(prefix) or _TARGETS.get(prefix.partition(b".")[0], "")
        return Call(service=service or _scope(head), operation=operation.decode())
    service = _scope(head)
    method, (path, _, query) = head.start[0], head.start[1].partition(b"?")
    if service == "lambda":
        invoked = _INVOKE.search(path)
        if invoked and method == b"POST":
            return Call(service=service, operation="Invoke", resource=invoked[1].decode())
        return Call(service=service)
    if service == "s3":
        resource = unquote_plus(path.lstrip(b"/").decode())
        named = _s3_operation(method, resource, query, copies=b"x-amz-copy-source" in head.fields)
        return Call(service=service, operation=named, resource=resource)
    form = head.fields.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    return Call(service=service, by_form=bool(service) and form)


def form_operation(body: bytes) -> str:
    """Return the operation that a form names, "" if none."""
    found = re.search(rb"(?:^|&)Action=(\w+)", body)
    return found[1].decode() if found else ""


def _scope(head: Head) -> str:
    """Return the service that the request was signed for."""
    found = _SCOPE.search(head.fields.get(b"authorization", b""))
    name = found[1].decode() if found else ""
    return _SCOPES.get(name, name)


def _s3_operation(method: bytes, resource: str, query: bytes, *, copies: bool) -> str:
    """Name the S3 operations of objects (API reference, "Amazon S3"); the rest is ""."""
    names = {part.partition(b"=")[0] for part in query.split(b"&")}
    if not resource.partition("/")[2]:
        listing = method == b"GET" and b"list-type" in names
        deleting = method == b"POST" and b"delete" in names
        return "ListObjectsV2" if listing else "DeleteObjects" if deleting else ""
    if names & {b"tagging", b"acl", b"uploads", b"uploadId", b"retention", b"attributes"}:
        return "UploadPart" if method == b"PUT" and b"partNumber" in names else ""
    if method == b"PUT":
        return "CopyObject" if copies else "PutObject"
    return {b"GET": "GetObject", b"HEAD": "HeadObject", b"DELETE": "DeleteObject"}.get(
        method.upper(), ""
    )
