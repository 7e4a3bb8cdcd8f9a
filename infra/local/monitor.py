"""The Pulumi SDK's mocks hook with something behind it: what the program registers is made."""

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from pulumi import Archive, Asset, FileArchive, FileAsset
from pulumi.output import Unknown
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, rpc
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2

from infra.local.former_urns import former_urns
from infra.local.provider.errors import ProviderError
from infra.local.provider.interpreter import Provider
from infra.local.stack import LocalStack
from infra.local.state import Resource

STACK_TYPE = "pulumi:pulumi:Stack"


class LocalMocks(Mocks):
    """Answers functions; resources go through the monitor, which also knows URN and options."""

    def __init__(self, provider: Provider) -> None:
        """Take the provider that answers."""
        self._provider = provider

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """Answer a function of the AWS package."""
        return self._provider.invoke(args.token, args.args), None

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Refuse: a resource that exists already and is only read has no data here."""
        raise ProviderError(f"{args.name}: the local provider does not read foreign resources")


class LocalMonitor(MockMonitor):
    """Receives each registration as Pulumi's engine would, one at a time."""

    def __init__(self, provider: Provider, stack: LocalStack) -> None:
        """Take who makes resources and who remembers them."""
        super().__init__(LocalMocks(provider))
        self._stack = stack
        self._lock = threading.Lock()
        self._formerly: dict[str, tuple[str, ...]] = {}
        self.outputs: dict[str, Any] = {}

    def Invoke(  # noqa: N802 - the name is the protocol's
        self, request: Any
    ) -> resource_pb2.ResourceInvokeResponse:
        """Answer a function call."""
        arguments = MockCallArgs(request.tok, plain(request.args, request.tok), request.provider)
        answer, _ = self.mocks.call(arguments)
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(answer)})

    def RegisterResource(  # noqa: N802
        self, request: Any
    ) -> resource_pb2.RegisterResourceResponse:
        """Make a resource; a component or the stack is only given its URN."""
        urn = self.make_urn(request.parent, request.type, request.name)
        self._formerly[urn] = former_urns(request, self._formerly, self.make_urn)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        wanted = Resource(
            urn=urn,
            type=request.type,
            status="creating",
            inputs=plain(request.object, request.name),
            dependencies={
                name: sorted(sources.urns)
                for name, sources in sorted(request.propertyDependencies.items())
            },
            after=tuple(sorted({*request.dependencies, *_sources(request)})),
            protect=request.protect,
            formerly=self._formerly[urn],
        )
        with self._lock:
            made = self._stack.register(wanted, ignored=tuple(request.ignoreChanges))
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=made.id, object=_struct(_without_files(made.outputs))
        )

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        """Keep the stack's outputs."""
        if request.urn.split("::")[2] == STACK_TYPE:
            self.outputs = plain(request.outputs, "the stack's outputs")
        return empty_pb2.Empty()


def _sources(request: Any) -> set[str]:
    return {urn for made_of in request.propertyDependencies.values() for urn in made_of.urns}


def plain(properties: struct_pb2.Struct, where: str) -> dict[str, Any]:
    """Return properties as JSON values, files as path and SHA-256, whole numbers as integers.

    Raises ProviderError for a value that is unknown: here everything has been made.
    """
    return {
        key: _plain(value, f"{where}.{key}")
        for key, value in rpc.deserialize_properties(properties, keep_unknowns=True).items()
    }


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Unknown):
        raise ProviderError(f"{where} never became a value")
    if isinstance(value, FileAsset | FileArchive):
        path = Path(value.path).resolve()
        return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    if isinstance(value, Asset | Archive):
        raise ProviderError(f"{where}: the local provider takes files, not {type(value).__name__}")
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value), where)
    if isinstance(value, Mapping):
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    # The wire knows only floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_files(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in outputs.items()
        if not (isinstance(value, Mapping) and "sha256" in value)
    }


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct
