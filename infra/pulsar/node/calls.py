"""Calls of AWS in the name of the machine's role, signed with what Python's library has."""

import hashlib
import hmac
import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 60
METADATA = "http://169.254.169.254/latest"
TOKEN_HEADERS = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
EC2_VERSION = "2016-11-15"


class Failed(Exception):
    """A call that AWS refused or did not answer."""


def metadata(path: str) -> str:
    """Return what the machine's own metadata say (EC2 user guide, "Use IMDSv2")."""
    token = _fetch("PUT", f"{METADATA}/api/token", TOKEN_HEADERS, b"").decode()
    headers = {"X-aws-ec2-metadata-token": token}
    return _fetch("GET", f"{METADATA}/meta-data/{path}", headers, None).decode()


class Aws:
    """The services of one region."""

    def __init__(self, region: str, credentials: Any = None) -> None:
        """Take the machine's role, or credentials (access key, secret key, session token)."""
        self._region = region
        self._given = credentials

    def save_object(self, bucket: str, key: str, target: Path) -> None:
        """Write an object of S3 to a file."""
        url = f"{self._endpoint('s3')}/{bucket}/{urllib.parse.quote(key)}"
        headers = self.signed("GET", url, {}, EMPTY, "s3")
        request = urllib.request.Request(url, headers=headers)
        try:
            with target.open("wb") as out, _opened(request) as answer:
                shutil.copyfileobj(answer, out)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")[:300]
            raise Failed(f"s3://{bucket}/{key}: {error.code} {said}") from error
        except OSError as error:
            raise Failed(f"s3://{bucket}/{key}: {error}") from error

    def secret(self, arn: str) -> dict[str, str]:
        """Return a secret whose text is a JSON object."""
        body = json.dumps({"SecretId": arn}).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "secretsmanager.GetSecretValue",
        }
        answer = json.loads(self._post("secretsmanager", headers, body))
        return dict(json.loads(answer["SecretString"]))

    def ec2(self, action: str, **parameters: str) -> str:
        """Return the XML of an answer of EC2's query API."""
        pairs = {"Action": action, "Version": EC2_VERSION, **parameters}
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self._post("ec2", headers, urllib.parse.urlencode(pairs).encode())

    def cloudwatch(self, pairs: dict[str, str]) -> str:
        """Return the XML of an answer of CloudWatch's query API."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urllib.parse.urlencode({"Version": "2010-08-01", **pairs}).encode()
        return self._post("monitoring", headers, body)

    def signed(
        self, method: str, url: str, headers: dict[str, str], payload_hash: str, service: str
    ) -> dict[str, str]:
        """Return the headers with a signature (IAM guide, "Create a signed AWS API request")."""
        access, secret, session = self._credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        parts = urllib.parse.urlsplit(url)
        sent = {**headers, "Host": parts.netloc, "X-Amz-Date": moment}
        if service == "s3":
            sent["X-Amz-Content-Sha256"] = payload_hash
        if session:
            sent["X-Amz-Security-Token"] = session
        lower = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
        names = ";".join(sorted(lower))
        lines = [method, parts.path or "/", parts.query]
        lines += [f"{name}:{lower[name]}" for name in sorted(lower)]
        canonical = "\n".join([*lines, "", names, payload_hash])
        scope = f"{moment[:8]}/{self._region}/{service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for step in (moment[:8], self._region, service, "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        text = "\n".join([ALGORITHM, moment, scope, digest])
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        sent["Authorization"] = (
            f"{ALGORITHM} Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return sent

    def _post(self, service: str, headers: dict[str, str], body: bytes) -> str:
        url = f"{self._endpoint(service)}/"
        payload_hash = hashlib.sha256(body).hexdigest()
        return _fetch(
            "POST", url, self.signed("POST", url, headers, payload_hash, service), body
        ).decode()

    def _endpoint(self, service: str) -> str:
        """Return AWS's own address, or the one that a test has set."""
        return os.environ.get("AWS_ENDPOINT_URL", f"https://{service}.{self._region}.amazonaws.com")

    def _credentials(self) -> tuple[str, str, str]:
        if self._given is not None:
            access, secret, session = self._given
            return access, secret, session
        role = metadata("iam/security-credentials/").strip()
        found = json.loads(metadata(f"iam/security-credentials/{role}"))
        return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def _opened(request: urllib.request.Request) -> Any:
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)


def _fetch(method: str, url: str, headers: dict[str, str], body: Any) -> bytes:
    request = urllib.request.Request(url, method=method, headers=headers, data=body)
    try:
        with _opened(request) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode(errors="replace")[:300]
        raise Failed(f"{method} {url}: {error.code} {said}") from error
    except OSError as error:
        raise Failed(f"{method} {url}: {error}") from error
