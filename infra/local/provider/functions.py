"""Lambda functions, their aliases, permissions and event source mappings."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    Wait,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Joined

_ACTIVE: Final = Wait(waiter="function_active_v2", parameters={"FunctionName": "$name"})
_UPDATED: Final = Wait(waiter="function_updated_v2", parameters={"FunctionName": "$name"})
_GONE: Final = ("ResourceNotFoundException",)
_CODE: Final = {
    "S3Bucket": "$s3Bucket",
    "S3Key": "$s3Key",
    "S3ObjectVersion": "$s3ObjectVersion",
}
_CONFIGURATION: Final = {
    "FunctionName": "$name",
    "Role": "$role",
    "Handler": "$handler",
    "Runtime": "$runtime",
    "Description": "$description",
    "Timeout": "$timeout",
    "MemorySize": "$memorySize",
    "Environment": {"Variables": "$environment.variables"},
    "KMSKeyArn": "$kmsKeyArn",
    "VpcConfig": {
        "SubnetIds": "$vpcConfig.subnetIds",
        "SecurityGroupIds": "$vpcConfig.securityGroupIds",
    },
    "LoggingConfig": {
        "LogFormat": "$loggingConfig.logFormat",
        "LogGroup": "$loggingConfig.logGroup",
    },
}
_CODE_PROPERTIES: Final = ("s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash")
_CONFIGURATION_PROPERTIES: Final = (
    *("role", "handler", "runtime", "description", "timeout", "memorySize", "environment"),
    *("kmsKeyArn", "vpcConfig", "loggingConfig"),
)
_NO_NETWORK: Final[dict[str, list[str]]] = {"SubnetIds": [], "SecurityGroupIds": []}
_ARCHITECTURE: Final = ("architectures",)

FUNCTION: Final = ResourceType(
    token="aws:lambda/function:Function",
    service="lambda",
    create=Call(
        operation="create_function",
        parameters={
            **_CONFIGURATION,
            "Architectures": "$architectures",
            "PackageType": "Zip",
            "Code": _CODE,
            "Tags": "$tags",
        },
        wait=_ACTIVE,
    ),
    id="$name",
    identity=("name",),
    updates=(
        Update(
            properties=(*_CODE_PROPERTIES, *_ARCHITECTURE),
            calls=(
                Call(
                    operation="update_function_code",
                    parameters={
                        "FunctionName": "$name",
                        "Architectures": "$architectures",
                        **_CODE,
                    },
                    wait=_UPDATED,
                ),
            ),
        ),
        Update(
            properties=_CONFIGURATION_PROPERTIES,
            calls=(
                # What is not named stays: a function leaves a network by an empty list.
                Call(
                    operation="update_function_configuration",
                    parameters={"FunctionName": "$name", "VpcConfig": _NO_NETWORK},
                    needs=("$changed.vpcConfig", "$old.vpcConfig"),
                    wait=_UPDATED,
                ),
                Call(
                    operation="update_function_configuration",
                    parameters=_CONFIGURATION,
                    wait=_UPDATED,
                ),
            ),
        ),
        Update(
            properties=("reservedConcurrentExecutions",),
            calls=(
                Call(
                    operation="put_function_concurrency",
                    parameters={
                        "FunctionName": "$name",
                        "ReservedConcurrentExecutions": "$reservedConcurrentExecutions",
                    },
                    needs=("$reservedConcurrentExecutions",),
                ),
            ),
            on_create=True,
        ),
        # A version freezes code and configuration, so it comes after both.
        Update(
            properties=(
                *_CODE_PROPERTIES,
                *_ARCHITECTURE,
                *_CONFIGURATION_PROPERTIES,
                "publish",
            ),
            calls=(
                Call(
                    operation="publish_version",
                    parameters={"FunctionName": "$name"},
                    when=("$publish", True),
                    into="published",
                ),
            ),
            on_create=True,
        ),
        tag_updates({"Resource": "$out.arn"}, tags="$tags"),
    ),
    read=reads("get_function", FunctionName="$name"),
    outputs={
        "arn": "$read.Configuration.FunctionArn",
        "name": "$read.Configuration.FunctionName",
        "version": "$published.Version",
        "qualifiedArn": "$published.FunctionArn",
    },
    told={
        "memorySize": "$read.Configuration.MemorySize",
        "timeout": "$read.Configuration.Timeout",
        "runtime": "$read.Configuration.Runtime",
        "handler": "$read.Configuration.Handler",
        "environment": {"variables": "$read.Configuration.Environment.Variables"},
    },
    delete=deletes("delete_function", FunctionName="$name"),
    exists=("ResourceConflictException",),
    gone=_GONE,
)

ALIAS: Final = ResourceType(
    token="aws:lambda/alias:Alias",
    service="lambda",
    create=Call(
        operation="create_alias",
        parameters={
            "FunctionName": "$functionName",
            "Name": "$name",
            "FunctionVersion": "$functionVersion",
            "Description": "$description",
        },
    ),
    id=Joined(parts=("$functionName", ":", "$name")),
    identity=("functionName", "name"),
    updates=(
        Update(
            properties=("functionVersion", "description"),
            calls=(
                Call(
                    operation="update_alias",
                    parameters={
                        "FunctionName": "$functionName",
                        "Name": "$name",
                        "FunctionVersion": "$functionVersion",
                        "Description": "$description",
                        # Without it the weights of before would stay.
                        "RoutingConfig": {"AdditionalVersionWeights": {}},
                    },
                ),
            ),
        ),
    ),
    read=reads("get_alias", FunctionName="$functionName", Name="$name"),
    outputs={"arn": "$read.AliasArn", "name": "$read.Name"},
    delete=deletes("delete_alias", FunctionName="$functionName", Name="$name"),
    exists=("ResourceConflictException",),
    gone=_GONE,
)

PERMISSION: Final = ResourceType(
    token="aws:lambda/permission:Permission",
    service="lambda",
    create=Call(
        operation="add_permission",
        parameters={
            "FunctionName": "$function",
            "StatementId": "$statementId",
            "Action": "$action",
            "Principal": "$principal",
            "Qualifier": "$qualifier",
            "SourceArn": "$sourceArn",
            "SourceAccount": "$sourceAccount",
        },
    ),
    id="$statementId",
    identity=("function", "statementId", "qualifier"),
    replaces=("action", "principal", "sourceArn", "sourceAccount"),
    outputs={"statementId": "$statementId"},
    delete=deletes(
        "remove_permission",
        FunctionName="$function",
        StatementId="$statementId",
        Qualifier="$qualifier",
    ),
    exists=("ResourceConflictException",),
    gone=_GONE,
)

_MAPPING: Final = {
    "FunctionName": "$functionName",
    "Enabled": "$enabled",
    "BatchSize": "$batchSize",
    "MaximumBatchingWindowInSeconds": "$maximumBatchingWindowInSeconds",
    "ParallelizationFactor": "$parallelizationFactor",
    "MaximumRecordAgeInSeconds": "$maximumRecordAgeInSeconds",
    "MaximumRetryAttempts": "$maximumRetryAttempts",
    "BisectBatchOnFunctionError": "$bisectBatchOnFunctionError",
    "FunctionResponseTypes": "$functionResponseTypes",
    "DestinationConfig": {
        "OnFailure": {"Destination": "$destinationConfig.onFailure.destinationArn"}
    },
    "MetricsConfig": {"Metrics": "$metricsConfig.metrics"},
}

EVENT_SOURCE_MAPPING: Final = ResourceType(
    token="aws:lambda/eventSourceMapping:EventSourceMapping",
    service="lambda",
    create=Call(
        operation="create_event_source_mapping",
        parameters={
            **_MAPPING,
            "EventSourceArn": "$eventSourceArn",
            "StartingPosition": "$startingPosition",
            "Tags": "$tags",
        },
        into="create",
    ),
    id="$create.UUID",
    replaces=("eventSourceArn", "startingPosition"),
    find=Call(
        operation="list_event_source_mappings",
        parameters={"FunctionName": "$functionName", "EventSourceArn": "$eventSourceArn"},
        into="find",
    ),
    found="$find.EventSourceMappings.0",
    updates=(
        changes(
            (
                "functionName",
                "enabled",
                "batchSize",
                "maximumBatchingWindowInSeconds",
                "parallelizationFactor",
                "maximumRecordAgeInSeconds",
                "maximumRetryAttempts",
                "bisectBatchOnFunctionError",
                "functionResponseTypes",
                "destinationConfig",
                "metricsConfig",
            ),
            "update_event_source_mapping",
            UUID="$id",
            **_MAPPING,
        ),
        tag_updates({"Resource": "$out.arn"}, tags="$tags"),
    ),
    read=reads("get_event_source_mapping", UUID="$id"),
    outputs={"uuid": "$read.UUID", "functionArn": "$read.FunctionArn"},
    told={
        "batchSize": "$read.BatchSize",
        "maximumBatchingWindowInSeconds": "$read.MaximumBatchingWindowInSeconds",
        "maximumRetryAttempts": "$read.MaximumRetryAttempts",
        "bisectBatchOnFunctionError": "$read.BisectBatchOnFunctionError",
    },
    delete=deletes("delete_event_source_mapping", UUID="$id"),
    gone=_GONE,
)

TYPES: Final = (FUNCTION, ALIAS, PERMISSION, EVENT_SOURCE_MAPPING)
