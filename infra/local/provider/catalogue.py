"""Every resource type and function that the local provider serves, by Pulumi's token."""

from typing import Final

from infra.local.provider import (
    application_auto_scaling,
    autoscaling,
    budgets,
    cloudwatch,
    dynamodb,
    ec2,
    ecr,
    ecs,
    elb,
    events,
    functions,
    glue,
    iam,
    kinesis,
    kms,
    logs,
    machines,
    msk,
    s3,
    secrets_manager,
    security_groups,
    sns,
)
from infra.local.provider.resource_type import Call, Invoke, ResourceType

_SERVICES: Final = (
    application_auto_scaling,
    autoscaling,
    budgets,
    cloudwatch,
    dynamodb,
    ec2,
    ecr,
    ecs,
    elb,
    events,
    functions,
    glue,
    iam,
    kinesis,
    kms,
    logs,
    machines,
    msk,
    s3,
    secrets_manager,
    security_groups,
    sns,
)

TYPES: Final[dict[str, ResourceType]] = {
    resource_type.token: resource_type for service in _SERVICES for resource_type in service.TYPES
}

CALLER_IDENTITY: Final = Invoke(
    token="aws:index/getCallerIdentity:getCallerIdentity",
    service="sts",
    call=Call(operation="get_caller_identity", into="read"),
    outputs={
        "accountId": "$read.Account",
        "arn": "$read.Arn",
        "id": "$read.Account",
        "userId": "$read.UserId",
    },
)
REGION: Final = Invoke(
    token="aws:index/getRegion:getRegion",
    service="ec2",
    call=None,
    outputs={"region": "$region", "id": "$region", "name": "$region"},
)
CONCURRENCY: Final = Invoke(
    token="aws:servicequotas/getServiceQuota:getServiceQuota",
    service="lambda",
    arguments=("serviceCode", "quotaCode"),
    call=Call(operation="get_account_settings", into="read"),
    outputs={
        "id": "$quotaCode",
        "serviceCode": "$serviceCode",
        "quotaCode": "$quotaCode",
        "value": "$read.AccountLimit.ConcurrentExecutions",
    },
)
"""Lambda's own word for the one quota that the program asks for: there is no Service Quotas."""
INVOKES: Final[dict[str, Invoke]] = {
    invoke.token: invoke for invoke in (CALLER_IDENTITY, REGION, CONCURRENCY, *ec2.INVOKES)
}
