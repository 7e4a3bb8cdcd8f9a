"""EventBridge rules on the default bus and their targets."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Joined, Pairs

_PUT_RULE: Final = Call(
    operation="put_rule",
    parameters={
        "Name": "$name",
        "ScheduleExpression": "$scheduleExpression",
        "Description": "$description",
        "State": "$state",
        "Tags": Pairs(of="$tags"),
    },
)

RULE: Final = ResourceType(
    token="aws:cloudwatch/eventRule:EventRule",
    service="events",
    create=_PUT_RULE,
    id="$name",
    identity=("name",),
    updates=(
        Update(properties=("scheduleExpression", "description", "state"), calls=(_PUT_RULE,)),
        tag_updates({"ResourceARN": "$out.arn"}),
    ),
    read=reads("describe_rule", Name="$name"),
    outputs={"arn": "$read.Arn", "name": "$name"},
    delete=deletes("delete_rule", Name="$name"),
    gone=("ResourceNotFoundException",),
)

_PUT_TARGET: Final = Call(
    operation="put_targets",
    parameters={
        "Rule": "$rule",
        "Targets": [{"Id": "$targetId", "Arn": "$arn", "Input": "$input"}],
    },
)

TARGET: Final = ResourceType(
    token="aws:cloudwatch/eventTarget:EventTarget",
    service="events",
    create=_PUT_TARGET,
    id=Joined(parts=("$rule", "-", "$targetId")),
    identity=("rule", "targetId"),
    updates=(Update(properties=("arn", "input"), calls=(_PUT_TARGET,)),),
    outputs={"targetId": "$targetId"},
    delete=deletes("remove_targets", Rule="$rule", Ids=["$targetId"]),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (RULE, TARGET)
