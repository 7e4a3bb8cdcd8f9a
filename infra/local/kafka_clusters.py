"""Amazon MSK's operations that the pinned ministack lacks: topics, serverless clusters, changes.

ministack 1.5.33 (its `services/msk.py`) makes provisioned clusters and configurations, and deletes
clusters. None of them is a broker: a local stack's workers read from a real one that is given.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import base64
import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from ministack import app
from ministack.services import msk

Answer = tuple[int, dict[str, str], bytes]
Request = dict[str, Any]
Operation = Callable[[tuple[str, ...], Request], Answer]

_topics: dict[tuple[str, str], Request] = {}


def create_topic(names: tuple[str, ...], asked: Request) -> Answer:
    """Make a topic of a cluster that is there."""
    (cluster,) = names
    key = cluster, asked["topicName"]
    if cluster not in msk._clusters:
        return _refused(msk._not_found(f"Cluster {cluster} is not found."))
    if key in _topics:
        return _refused(msk._conflict(f"Topic {key[1]} already exists."))
    return _told(key, asked)


def update_topic(names: tuple[str, ...], asked: Request) -> Answer:
    """Give a topic more partitions or other properties."""
    key = names[0], names[1]
    if key not in _topics:
        return _refused(msk._not_found(f"Topic {key[1]} is not found."))
    if asked.get("partitionCount", _topics[key]["partitionCount"]) < _topics[key]["partitionCount"]:
        return _refused(msk._bad_request("A topic never has fewer partitions than before."))
    return _told(key, _topics[key] | asked)


def describe_topic(names: tuple[str, ...], _: Request) -> Answer:
    """Return a topic."""
    key = names[0], names[1]
    if key not in _topics:
        return _refused(msk._not_found(f"Topic {key[1]} is not found."))
    return _told(key, _topics[key])


def delete_topic(names: tuple[str, ...], _: Request) -> Answer:
    """Forget a topic."""
    key = names[0], names[1]
    if _topics.pop(key, None) is None:
        return _refused(msk._not_found(f"Topic {key[1]} is not found."))
    return _json({"topicName": key[1], "status": "DELETING"})


def create_cluster_v2(_: tuple[str, ...], asked: Request) -> Answer:
    """Make a cluster without servers."""
    made: Answer = msk._create_cluster(json.dumps({**asked, "numberOfBrokerNodes": 0}).encode())
    if made[0] == 200:
        arn = json.loads(made[2])["clusterArn"]
        msk._clusters[arn] |= {"ClusterType": "SERVERLESS", "Serverless": asked["serverless"]}
    return made


def describe_cluster_v2(names: tuple[str, ...], _: Request) -> Answer:
    """Return a cluster of either kind."""
    described: Answer = msk._describe_cluster(names[0])
    return described


def change_cluster(names: tuple[str, ...], _: Request) -> Answer:
    """Take a change of a cluster: there is nothing here that it would change."""
    if names[0] not in msk._clusters:
        return _refused(msk._not_found(f"Cluster {names[0]} is not found."))
    return _json({"clusterArn": names[0], "clusterOperationArn": f"{names[0]}/operation"})


def update_configuration(names: tuple[str, ...], asked: Request) -> Answer:
    """Give a configuration another revision."""
    (arn,) = names
    if arn not in msk._configurations:
        return _refused(msk._not_found(f"Configuration {arn} is not found."))
    latest = msk._configurations[arn]["LatestRevision"]
    latest["Revision"] += 1
    said = base64.b64decode(asked["serverProperties"]).decode()
    msk._config_revisions[arn].append({**latest, "ServerProperties": said})
    return _json({"arn": arn, "latestRevision": {"revision": latest["Revision"]}})


def delete_configuration(names: tuple[str, ...], _: Request) -> Answer:
    """Forget a configuration."""
    if msk._configurations.pop(names[0], None) is None:
        return _refused(msk._not_found(f"Configuration {names[0]} is not found."))
    return _json({"arn": names[0], "state": "DELETING"})


_CLUSTER: Final = "/v1/clusters/(.+?)"
_CHANGES: Final = (
    "(?:configuration|monitoring|nodes/count|nodes/storage|nodes/type|security|version)"
)
ROUTES: Final[tuple[tuple[str, str, Operation], ...]] = (
    ("POST", f"{_CLUSTER}/topics", create_topic),
    ("PUT", f"{_CLUSTER}/topics/([^/]+)", update_topic),
    ("GET", f"{_CLUSTER}/topics/([^/]+)", describe_topic),
    ("DELETE", f"{_CLUSTER}/topics/([^/]+)", delete_topic),
    ("PUT", f"{_CLUSTER}/{_CHANGES}", change_cluster),
    ("PATCH", f"{_CLUSTER}/security", change_cluster),
    ("POST", "/api/v2/clusters", create_cluster_v2),
    ("GET", "/api/v2/clusters/(.+)", describe_cluster_v2),
    ("PUT", "/v1/configurations/([^/]+(?:/[^/]+)*)", update_configuration),
    ("DELETE", "/v1/configurations/([^/]+(?:/[^/]+)*)", delete_configuration),
)
"""botocore's service model of `kafka`: method and address of each."""


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Answer:
    """Answer what ministack does not, and hand it all else."""
    for wanted, pattern, operation in ROUTES:
        found = re.fullmatch(pattern, path) if method == wanted else None
        if found:
            return operation(tuple(map(unquote, found.groups())), json.loads(body or b"{}"))
    answer: Answer = await msk.handle_request(method, path, headers, body, query)
    return answer


def install() -> None:
    """Let the embedded AWS answer for these too."""
    app.SERVICE_HANDLERS["kafka"] = handle_request


def _told(key: tuple[str, str], topic: Request) -> Answer:
    _topics[key] = topic
    arn = f"{key[0].replace(':cluster/', ':topic/')}/{key[1]}"
    return _json({**topic, "topicArn": arn, "topicName": key[1], "status": "ACTIVE"})


def _json(answer: Request) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _refused(answer: tuple[Any, ...]) -> Answer:
    status, headers, body = answer
    return status, headers, body
