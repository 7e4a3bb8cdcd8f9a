"""The local provider as a Pulumi resource provider: what the real engine calls over gRPC.

    python -m infra.local.provider --endpoint http://127.0.0.1:4566 --region us-east-1

It prints its port; `PULUMI_DEBUG_PROVIDERS=aws:PORT` then makes the Pulumi CLI use it for `aws`.
"""

# ruff: noqa: ARG002, N802 - methods and parameters are the protocol's

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Final, TypeVar

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, status_pb2
from pulumi.runtime.proto.provider_pb2_grpc import (
    ResourceProviderServicer,
    add_ResourceProviderServicer_to_server,
)

from infra.local.provider.errors import ProviderError
from infra.local.provider.interpreter import Provider
from infra.local.provider.made import Made
from infra.local.provider.wire import is_known, plain, with_outputs
from pipeline.errors import UserError

T = TypeVar("T")

HOST: Final = "127.0.0.1"
THREADS: Final = 16
"""Resources made at once: the engine's own default of parallel operations."""
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
MADE_IN_PART: Final = grpc.StatusCode.UNKNOWN
INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT

Diff = provider_pb2.DiffResponse


class ProviderServer(ResourceProviderServicer):
    """Answers the engine from the resource types' data; keeps no state of its own.

    Not answered (the SDK says so to the engine): schemas, components, mappings of other tools.
    """

    def __init__(self, provider: Provider) -> None:
        """Take the interpreter that makes resources."""
        self._provider = provider

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        """Say which provider this is."""
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Be attached to an engine that runs already; it tells its own address."""
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Let what is under way end: each call is bounded, and what it made is then told."""
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        """Take any configuration of the AWS provider: region and credentials are not used."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Diff:
        """Never replace anything over the provider's own configuration."""
        return Diff(changes=Diff.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        """Say that secrets are the engine's business: it keeps them encrypted in its state."""
        return provider_pb2.ConfigureResponse()

    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:
        """Answer a function of the AWS package."""
        arguments = {k: v for k, v in plain(request.args).items() if v is not None}
        answer = _told(context, lambda: self._provider.invoke(request.tok, arguments))
        return provider_pb2.InvokeResponse(**{"return": _struct(answer)})

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        """Refuse what cannot be made, before anything is, as far as it is known by now."""
        news = plain(request.news)
        try:
            self._provider.check(
                _type(request.urn), _name(request.urn), news, complete=is_known(news)
            )
        except ProviderError as error:
            failure = provider_pb2.CheckFailure(reason=str(error))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Diff:
        """Say what changed and which of it needs a new resource."""
        token = _type(request.urn)
        olds = plain(request.old_inputs or request.olds)
        news = plain(request.news)
        change = self._provider.diff(token, olds, news)
        changed = [key for key in change.properties if key not in request.ignoreChanges]
        return Diff(
            changes=Diff.DIFF_SOME if changed else Diff.DIFF_NONE,
            diffs=changed,
            replaces=[key for key in change.replaces if key in changed],
            deleteBeforeReplace=change.delete_first,
        )

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        """Make a resource; one that was made but not finished is told with its id."""
        made_id: list[str] = []

        def create() -> Made:
            inputs = plain(request.properties)
            return self._provider.create(
                _type(request.urn), _name(request.urn), inputs, on_id=made_id.append
            )

        try:
            made = create()
        except UserError as error:
            if made_id:
                _abort_in_part(context, request, made_id[-1], error)
            context.abort(MADE_IN_PART, str(error))
            raise
        return provider_pb2.CreateResponse(
            id=made.id, properties=with_outputs(request.properties, made.outputs)
        )

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        """Tell how a resource stands now; no id when it is gone."""
        token, name = _type(request.urn), _name(request.urn)
        before = plain(request.inputs) or self._provider.named(token, request.id)
        found = _told(
            context,
            lambda: self._provider.inspect(
                token, name, before, Made(id=request.id, outputs=plain(request.properties))
            ),
        )
        if found is None:
            return provider_pb2.ReadResponse()
        inputs, made = found
        now = with_outputs(request.inputs, inputs)
        return provider_pb2.ReadResponse(
            id=made.id, inputs=now, properties=with_outputs(now, made.outputs)
        )

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        """Change a resource in place."""
        made = _told(
            context,
            lambda: self._provider.update(
                _type(request.urn),
                _name(request.urn),
                plain(request.old_inputs or request.olds),
                plain(request.news),
                Made(id=request.id, outputs=plain(request.olds)),
            ),
        )
        return provider_pb2.UpdateResponse(properties=with_outputs(request.news, made.outputs))

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Delete a resource; one that is gone already is deleted."""
        state = plain(request.properties)
        _told(
            context,
            lambda: self._provider.delete(
                _type(request.urn),
                _name(request.urn),
                plain(request.old_inputs) or state,
                Made(id=request.id, outputs=state),
            ),
        )
        return empty_pb2.Empty()


def serve(provider: Provider) -> tuple[grpc.Server, int]:
    """Serve on a free port of this machine; return the server, started, and its port."""
    options = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=options)
    add_ResourceProviderServicer_to_server(ProviderServer(provider), server)
    port: int = server.add_insecure_port(f"{HOST}:0")
    server.start()
    return server, port


def _type(urn: str) -> str:
    """Return the type of a resource: the last of the types in its URN's third part."""
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _told(context: Any, work: Callable[[], T]) -> T:
    """Do some work; what it refuses becomes the answer's own error."""
    try:
        return work()
    except UserError as error:
        context.abort(MADE_IN_PART, str(error))
        raise


def _abort_in_part(context: Any, request: Any, made_id: str, error: UserError) -> None:
    """Tell the engine that a resource exists though its creation failed, so that it keeps it."""
    status = status_pb2.Status(code=MADE_IN_PART.value[0], message=str(error))
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=made_id,
            properties=request.properties,
            inputs=request.properties,
            reasons=[str(error)],
        )
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(MADE_IN_PART, str(error))


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct
