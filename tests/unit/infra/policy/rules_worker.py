"""Rules about what runs for long: images, tasks, deployments, and the brokers they read from."""

import json
from collections.abc import Iterator
from typing import Any, Final

from infra.local.state import Resource
from infra.worker_service import COMMAND
from tests.unit.infra.policy.rules_network import ON_KAFKA
from tests.unit.infra.policy.stack import Break, Rule, Stack, at

GRACE_SECONDS: Final = "SLUICE_WORKER_GRACE_SECONDS"


def _containers(task: Resource) -> list[dict[str, Any]]:
    return list(json.loads(task.inputs["containerDefinitions"]))


def images(stack: Stack) -> Iterator[str]:
    kept = {policy.inputs["repository"] for policy in stack.of("LifecyclePolicy")}
    for repository in stack.of("Repository"):
        if repository.inputs.get("imageTagMutability") != "IMMUTABLE":
            yield f"{repository.name}: a tag can be moved to another image"
        if at(repository.inputs, "imageScanningConfiguration.scanOnPush") is not True:
            yield f"{repository.name}: images are not scanned"
        if repository.inputs.get("encryptionConfigurations") != [
            {"encryptionType": "KMS", "kmsKey": stack.key}
        ]:
            yield f"{repository.name}: is not encrypted with the stack's key"
        if repository.outputs["name"] not in kept:
            yield f"{repository.name}: keeps images for ever"
    for task in stack.of("TaskDefinition"):
        for container in _containers(task):
            if container["image"].endswith(":latest") or ":" not in container["image"]:
                yield f"{task.name}: runs whatever image is the latest"


def tasks(stack: Stack) -> Iterator[str]:
    groups = {group.inputs["name"] for group in stack.of("LogGroup")}
    for task in stack.of("TaskDefinition"):
        for container in _containers(task):
            if container.get("user", "root").partition(":")[0] in ("0", "root"):
                yield f"{task.name}: runs as root"
            if container.get("readonlyRootFilesystem") is not True:
                yield f"{task.name}: can change its own files"
            if container.get("privileged"):
                yield f"{task.name}: is privileged"
            if not container.get("healthCheck"):
                yield f"{task.name}: nobody asks whether it is well"
            if at(container, "logConfiguration.options.awslogs-group") not in groups:
                yield f"{task.name}: logs to no group of the stack"
            told = {pair["name"]: pair["value"] for pair in container["environment"]}
            if container.get("stopTimeout", 30) <= int(told[GRACE_SECONDS]):
                yield f"{task.name}: is killed before its own grace is over"


def temporary(stack: Stack) -> Iterator[str]:
    for task in stack.of("TaskDefinition"):
        for container in _containers(task):
            if not container.get("readonlyRootFilesystem"):
                continue
            mounts = at(container, "linuxParameters.tmpfs") or []
            found = next((each for each in mounts if each["containerPath"] == "/tmp"), None)
            if found is None:
                yield f"{task.name}: has nowhere to write its broker's credentials"
                continue
            options = set(found["mountOptions"])
            user, _, group = container["user"].partition(":")
            if "ro" in options or not {f"uid={user}", f"gid={group}", "mode=0700"} <= options:
                yield f"{task.name}: may not write where it has to, or others may read it"
            if not {"nosuid", "noexec", "nodev"} <= options:
                yield f"{task.name}: can run what it was made to write"


def deployments(stack: Stack) -> Iterator[str]:
    for service in stack.of("Service"):
        given = service.inputs
        if given.get("deploymentCircuitBreaker") != {"enable": True, "rollback": True}:
            yield f"{service.name}: a release that does not start is not taken back"
        if given.get("deploymentMinimumHealthyPercent") != 100:
            yield f"{service.name}: a release takes workers away"
        if at(given, "networkConfiguration.assignPublicIp") is not False:
            yield f"{service.name}: has public addresses"
        if given.get("enableExecuteCommand"):
            yield f"{service.name}: can be logged into"
    scaled = {target.inputs["resourceId"].rpartition("/")[2] for target in stack.of("Target")}
    working = {
        task.outputs["arn"]
        for task in stack.of("TaskDefinition")
        if any(tuple(each["command"]) == COMMAND for each in _containers(task))
    }
    for service in stack.of("Service"):
        if service.inputs["taskDefinition"] in working and service.inputs["name"] not in scaled:
            yield f"{service.name}: is not scaled"


def brokers(stack: Stack) -> Iterator[str]:
    for cluster in stack.of("MskCluster"):
        given = cluster.inputs
        if at(given, "encryptionInfo.encryptionInTransit.clientBroker") != "TLS":
            yield f"{cluster.name}: takes clients without TLS"
        if at(given, "encryptionInfo.encryptionInTransit.inCluster") is not True:
            yield f"{cluster.name}: copies between brokers without TLS"
        if at(given, "clientAuthentication.unauthenticated") is not False:
            yield f"{cluster.name}: takes anybody"
        if at(given, "loggingInfo.brokerLogs.cloudwatchLogs.enabled") is not True:
            yield f"{cluster.name}: its brokers log nowhere"
    for configuration in stack.of("MskConfiguration"):
        said = dict(line.split("=") for line in configuration.inputs["serverProperties"].split())
        wanted = {
            "auto.create.topics.enable": "false",
            "default.replication.factor": "3",
            "min.insync.replicas": "2",
            "unclean.leader.election.enable": "false",
        }
        if not said.items() >= wanted.items():
            yield f"{configuration.name}: an acknowledged record may be on one broker alone"
    for topic in stack.of("MskTopic"):
        said = json.loads(topic.inputs["configs"])
        if topic.inputs["replicationFactor"] != 3 or said["min.insync.replicas"] != 2:
            yield f"{topic.name}: an acknowledged record may be on one broker alone"
        if said["message.timestamp.type"] != "LogAppendTime":
            yield f"{topic.name}: producers say when a record arrived"


def _within(key: str) -> str:
    return f"containerDefinitions/0/{key}"


def _temporary(key: str) -> str:
    return _within(f"linuxParameters/tmpfs/0/{key}")


RULES: Final = (
    Rule(
        id="images-are-known",
        why="Security Hub, ECR.1 to ECR.3; Amazon ECR guide, 'Preventing image tags from being "
        "overwritten'.",
        check=images,
        broken_in=ON_KAFKA,
        breaks=(
            Break(resource="worker-image", path="imageTagMutability", value="MUTABLE"),
            Break(resource="worker-image", path="imageScanningConfiguration"),
            Break(resource="worker-image", path="encryptionConfigurations"),
            Break(resource="worker-image-lifecycle"),
            Break(resource="worker-definition", path=_within("image"), value="worker:latest"),
        ),
    ),
    Rule(
        id="tasks-can-do-little",
        why="Security Hub, ECS.3 to ECS.5, ECS.9 and ECS.20.",
        check=tasks,
        broken_in=ON_KAFKA,
        breaks=(
            Break(resource="worker-definition", path=_within("user"), value="0"),
            Break(resource="worker-definition", path=_within("readonlyRootFilesystem")),
            Break(resource="worker-definition", path=_within("privileged"), value=True),
            Break(resource="worker-definition", path=_within("healthCheck")),
            Break(resource="worker-definition", path=_within("stopTimeout"), value=25),
            Break(resource="worker-log-group"),
            Break(resource="watcher-definition", path=_within("user"), value="0"),
            Break(resource="watcher-definition", path=_within("healthCheck")),
            Break(resource="watcher-log-group"),
        ),
    ),
    Rule(
        id="tasks-can-write-a-temporary-file",
        why="Security Hub, ECS.5 leaves them no other place; Amazon ECS API reference, 'Tmpfs'.",
        check=temporary,
        broken_in=ON_KAFKA,
        breaks=(
            Break(resource="worker-definition", path=_within("linuxParameters/tmpfs")),
            Break(resource="worker-definition", path=_temporary("containerPath"), value="/run"),
            Break(resource="worker-definition", path=_temporary("mountOptions/1"), value="exec"),
            Break(resource="worker-definition", path=_temporary("mountOptions/3"), value="uid=0"),
            Break(resource="watcher-definition", path=_within("linuxParameters/tmpfs")),
        ),
    ),
    Rule(
        id="releases-are-taken-back",
        why="ECS guide, 'How the Amazon ECS deployment circuit breaker detects failures'; Security "
        "Hub, ECS.2.",
        check=deployments,
        broken_in=ON_KAFKA,
        breaks=(
            Break(resource="worker-service", path="deploymentCircuitBreaker"),
            Break(resource="worker-service", path="deploymentMinimumHealthyPercent", value=50),
            Break(
                resource="worker-service", path="networkConfiguration/assignPublicIp", value=True
            ),
            Break(resource="worker-service", path="enableExecuteCommand", value=True),
            Break(resource="watcher-service", path="deploymentCircuitBreaker"),
            Break(resource="worker-scaling"),
        ),
    ),
    Rule(
        id="brokers-keep-what-they-took",
        why="MSK guide, 'Best practices for Standard brokers' and 'Security in Amazon MSK'.",
        check=brokers,
        broken_in=ON_KAFKA,
        breaks=(
            Break(
                resource="stream",
                path="encryptionInfo/encryptionInTransit/clientBroker",
                value="TLS_PLAINTEXT",
            ),
            Break(resource="stream", path="encryptionInfo/encryptionInTransit/inCluster"),
            Break(resource="stream", path="clientAuthentication/unauthenticated", value=True),
            Break(resource="stream", path="loggingInfo"),
            Break(resource="stream-configuration", path="serverProperties", value="a=b\n"),
            Break(resource="stream-topic", path="replicationFactor", value=2),
            Break(resource="stream-topic", path="configs/min.insync.replicas", value=1),
            Break(
                resource="stream-topic", path="configs/message.timestamp.type", value="CreateTime"
            ),
        ),
    ),
)
