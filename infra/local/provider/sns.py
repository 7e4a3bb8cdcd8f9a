"""Topics and their policies."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    deletes,
    tag_updates,
)
from infra.local.provider.template import Pairs


def _attribute(name: str, value: str) -> Call:
    return Call(
        operation="set_topic_attributes",
        parameters={"TopicArn": "$id", "AttributeName": name, "AttributeValue": value},
    )


TOPIC: Final = ResourceType(
    token="aws:sns/topic:Topic",
    service="sns",
    create=Call(
        operation="create_topic",
        parameters={"Name": "$name", "Tags": Pairs(of="$tags")},
        into="create",
    ),
    id="$create.TopicArn",
    identity=("name",),
    updates=(
        Update(
            properties=("kmsMasterKeyId",),
            calls=(_attribute("KmsMasterKeyId", "$kmsMasterKeyId"),),
            on_create=True,
        ),
        tag_updates({"ResourceArn": "$id"}),
    ),
    outputs={"arn": "$id", "name": "$name"},
    delete=deletes("delete_topic", TopicArn="$id"),
    gone=("NotFound",),
)

_PUT_POLICY: Final = Call(
    operation="set_topic_attributes",
    parameters={"TopicArn": "$arn", "AttributeName": "Policy", "AttributeValue": "$policy"},
)

TOPIC_POLICY: Final = ResourceType(
    token="aws:sns/topicPolicy:TopicPolicy",
    service="sns",
    create=_PUT_POLICY,
    id="$arn",
    identity=("arn",),
    updates=(Update(properties=("policy",), calls=(_PUT_POLICY,)),),
    outputs={"arn": "$arn"},
    gone=("NotFound",),
)

SUBSCRIPTION: Final = ResourceType(
    token="aws:sns/topicSubscription:TopicSubscription",
    service="sns",
    create=Call(
        operation="subscribe",
        parameters={
            "TopicArn": "$topic",
            "Protocol": "$protocol",
            "Endpoint": "$endpoint",
            "ReturnSubscriptionArn": True,
        },
        into="create",
    ),
    id="$create.SubscriptionArn",
    replaces=("topic", "protocol", "endpoint"),
    outputs={"arn": "$id"},
    delete=deletes("unsubscribe", SubscriptionArn="$id"),
    gone=("NotFound",),
)

TYPES: Final = (TOPIC, TOPIC_POLICY, SUBSCRIPTION)
