"""Each resource type's data agrees with the AWS package and with the service's own model."""

import importlib
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from pulumi import _types as sdk_types

from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.resource_type import Call, ResourceType

SERVICES = (
    *("appautoscaling", "autoscaling", "budgets", "cloudwatch", "dynamodb", "ebs", "ec2", "ecr"),
    *("ecs", "glue", "iam", "kinesis", "kms", "lambda_", "lb", "msk", "s3", "secretsmanager"),
    *("sns", "vpc"),
)

every_type = pytest.mark.parametrize("resource_type", TYPES.values(), ids=lambda t: t.token)


def _calls(resource_type: ResourceType) -> Iterator[Call]:
    yield resource_type.create
    yield from resource_type.read
    yield from resource_type.delete
    for update in resource_type.updates:
        yield from update.calls
    if resource_type.find is not None:
        yield resource_type.find


@cache
def _classes() -> dict[str, Any]:
    """The AWS package's resource classes by token; loading them warns of deprecated ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        modules = [importlib.import_module(f"pulumi_aws.{service}") for service in SERVICES]
        # They are loaded when first asked for anything.
        loaded = [module for module in modules if not hasattr(module, "nothing")]
        found = [getattr(module, name) for module in loaded for name in dir(module)]
    return {made.pulumi_type: made for made in found if hasattr(made, "pulumi_type")}


@cache
def _client(service: str) -> Any:
    return boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    ).client(service)


@every_type
def test_its_inputs_are_inputs_of_the_aws_package(resource_type: ResourceType) -> None:
    made = _classes()[resource_type.token]
    module = importlib.import_module(made.__module__)
    arguments = getattr(module, f"{made.__name__}Args", None)
    # A type that has an input type of the same name gets another one for its arguments.
    arguments = getattr(module, f"{made.__name__}InitArgs", arguments)
    known = set(sdk_types.input_type_py_to_pulumi_names(arguments).values())
    assert resource_type.properties <= known


@every_type
def test_its_outputs_are_properties_of_the_aws_package(resource_type: ResourceType) -> None:
    known = set(sdk_types.resource_pulumi_to_py_names(_classes()[resource_type.token]))
    assert set(resource_type.outputs) <= known


@every_type
def test_its_operations_and_waiters_are_the_services(resource_type: ResourceType) -> None:
    client = _client(resource_type.service)
    for call in _calls(resource_type):
        assert call.operation in client.meta.method_to_api_mapping
        if call.wait is not None:
            assert call.wait.waiter in client.waiter_names


@every_type
def test_its_parameters_are_members_of_the_operations_input(resource_type: ResourceType) -> None:
    client = _client(resource_type.service)
    for call in _calls(resource_type):
        operation = client.meta.method_to_api_mapping[call.operation]
        shape = client.meta.service_model.operation_model(operation).input_shape
        assert set(call.parameters) <= set(shape.members)
        assert {m for m in shape.required_members if m not in call.parameters} == set()


@every_type
def test_each_input_has_one_consequence(resource_type: ResourceType) -> None:
    fixed = [*resource_type.identity, *resource_type.replaces]
    changed = {name for update in resource_type.updates for name in update.properties}
    assert len(set(fixed)) == len(fixed)
    assert not set(fixed) & changed
    assert not set(resource_type.ignored) & (changed | set(fixed))


def test_no_two_types_share_a_token() -> None:
    assert all(token == resource_type.token for token, resource_type in TYPES.items())
    assert all(token == invoke.token for token, invoke in INVOKES.items())
