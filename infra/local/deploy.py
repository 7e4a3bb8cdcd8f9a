"""Runs the project's own Pulumi program against the embedded AWS, with nothing but Python."""

import asyncio
import contextvars
import json
import logging
import runpy
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import settings as pulumi_settings
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.stack import run_in_stack

from infra.local import stream_broker
from infra.local.brokers.pulsar_admin import NAMESPACE
from infra.local.monitor import LocalMonitor
from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.errors import ProviderError
from infra.local.provider.interpreter import Provider
from infra.local.provider.kinesis import STREAM
from infra.local.stack import LocalStack
from infra.local.state import State, read_identity
from infra.local.stream_broker import KINDS
from infra.project import NAME
from infra.settings import Settings, parse
from pipeline.contracts import CONTRACTS
from pipeline.core.faults import check_contracts
from pipeline.errors import UserError

PROJECT: Final = NAME
PROGRAM: Final = "infra"
LOG: Final = logging.getLogger("sluice.program")
DEFAULTS: Final = {"package": "local", "retain_data": "false", "destroy_data": "true"}
"""What differs by default from a stack on AWS: the embedded AWS runs functions in this very
environment, and its data lives no longer than it does."""
GIVEN: Final[Mapping[stream_broker.Kind, Mapping[str, str]]] = {
    "kafka": {"kafka_cluster": "given", "kafka_security": "plaintext", "broker_count": "1"},
    "pulsar": {
        "pulsar_cluster": "given",
        "pulsar_namespace": NAMESPACE,
        "broker_count": "1",
    },
}
NODES: Final[Mapping[stream_broker.Kind, tuple[int, ...]]] = {"kafka": (1, 3), "pulsar": (1,)}
"""How many brokers a local stack may have: three copies need three nodes."""
NOT_STARTED: Final = "127.0.0.1:1"
"""Stands for the address of a broker in a look at the settings before it is started."""


def up(
    settings: Mapping[str, str],
    *,
    stack: str,
    endpoint: str,
    region: str,
    state_file: Path,
    on_event: Callable[[str], None],
) -> dict[str, Any]:
    """Bring the local stack to what the program says under `settings`; return its outputs.

    Creates what is new, changes in place what AWS changes in place, replaces what AWS replaces and
    deletes what the program no longer has. After a crash half-way the next call finishes the work.
    May be called again and again in one process: each run has a thread, an event loop and a context
    of its own. Raises UserError, in one line, for whatever is refused.
    """
    provider = Provider(TYPES, INVOKES, endpoint=endpoint, region=region)
    state = State(state_file, stack=stack, region=region)
    local_stack = LocalStack(provider, state, on_event)
    local_stack.forget_if_lost()
    state.outputs = run_program(provider, local_stack, settings, stack=stack, region=region)
    local_stack.finish()
    state.write()
    return state.outputs


def adopt_shard_count(count: int, *, stack: str, region: str, state_file: Path) -> None:
    """Have the state say that the stream has `count` shards, as `pulumi refresh` would.

    For a stream that was split or merged by hand: the next update then finds nothing to change.
    """
    state = State(state_file, stack=stack, region=region)
    for resource in [r for r in state.resources if r.type == STREAM.token]:
        state.put(replace(resource, inputs={**resource.inputs, "shardCount": count}))


def check(settings: Mapping[str, str]) -> Settings:
    """Return what `up` would go by; makes nothing. Raises UserError for what it would refuse."""
    try:
        parsed = parse(
            {**DEFAULTS, **on_broker(settings, NOT_STARTED, f"http://{NOT_STARTED}"), **settings}
        )
        check_contracts(CONTRACTS)
    except pulumi.RunError as error:
        raise UserError(str(error)) from None
    kind = broker_of(settings)
    if kind is not None and parsed.broker_count not in NODES[kind]:
        possible = " or ".join(map(str, NODES[kind]))
        raise UserError(
            f"broker_count: a local stack's {kind} has {possible}, not {parsed.broker_count}"
        )
    return parsed


def broker_of(settings: Mapping[str, str]) -> stream_broker.Kind | None:
    """Return which broker a local stack brings along: none where one is given, or on Kinesis."""
    kind = settings.get("stream")
    return next((k for k in KINDS if k == kind and "service_url" not in settings), None)


def on_broker(
    settings: Mapping[str, str], address: str | None, admin_url: str | None = None
) -> dict[str, str]:
    """Return the settings by which the program takes the stack's own broker as a given one."""
    kind = broker_of(settings)
    if kind is None or address is None:
        return {}
    scheme = "pulsar://" if kind == "pulsar" and "://" not in address else ""
    asked = {} if admin_url is None else {"pulsar_admin_url": admin_url}
    return {"service_url": scheme + address, **asked, **GIVEN[kind]}


def down(*, state_file: Path, endpoint: str, region: str, on_event: Callable[[str], None]) -> None:
    """Delete all that the state names, newest first, buckets with everything in them.

    Raises UserError if there is no such stack, or if something cannot be deleted: the state then
    names what is left.
    """
    stack, _ = read_identity(state_file)
    provider = Provider(TYPES, INVOKES, endpoint=endpoint, region=region)
    state = State(state_file, stack=stack, region=region)
    LocalStack(provider, state, on_event).destroy()
    state.delete_file()


def outputs(state_file: Path) -> dict[str, Any]:
    """Return the outputs of the last finished update. Raises UserError if there is none."""
    read_identity(state_file)
    found: dict[str, Any] = json.loads(state_file.read_text())["outputs"]
    return found


def run_program(
    provider: Provider,
    local_stack: LocalStack,
    settings: Mapping[str, str],
    *,
    stack: str,
    region: str,
) -> dict[str, Any]:
    """Run the program once, each resource going to `local_stack`; return the program's outputs."""
    monitor = LocalMonitor(provider, local_stack)
    config = {f"{PROJECT}:{key}": value for key, value in {**DEFAULTS, **settings}.items()}
    config["aws:region"] = region

    def run() -> None:
        pulumi_config.set_all_config(config, [])
        pulumi_settings.configure(
            pulumi_settings.Settings(
                project=PROJECT,
                stack=stack,
                monitor=monitor,
                engine=MockEngine(LOG),
                dry_run=False,
                organization="local",
                root_directory=str(Path(__file__).resolve().parents[2]),
            )
        )
        asyncio.run(_program(monitor))

    with warnings.catch_warnings():
        # The SDK's modules speak of their own deprecated classes when they are loaded.
        warnings.filterwarnings("ignore", ".* has been deprecated in favor of", DeprecationWarning)
        _alone(run)
    return monitor.outputs


async def _program(monitor: LocalMonitor) -> None:
    # Of several failures the first is raised; the loop would print those that nobody awaits.
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: LOG.debug("%s", context["message"])
    )
    await run_in_stack(_execute)
    exported = getattr(pulumi_settings.get_root_resource(), "outputs", {})
    # What was never a value is not even sent.
    lost = sorted(set(exported) - set(monitor.outputs))
    if lost:
        raise ProviderError(f"outputs that never became a value: {', '.join(lost)}")


def _execute() -> None:
    runpy.run_module(PROGRAM, run_name="__main__", alter_sys=False)


def _alone(work: Callable[[], None]) -> None:
    """Run `work` in a thread with an empty context: the SDK keeps all its state in one."""
    trouble: list[BaseException] = []

    def run() -> None:
        try:
            contextvars.Context().run(work)
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=run, name="pulumi-program")
    thread.start()
    thread.join()
    if trouble:
        raise _as_user_error(trouble[0])


def _as_user_error(error: BaseException) -> BaseException:
    """Return a mistake of the user's as one line; anything else as it is."""
    if isinstance(error, pulumi.RunError):
        return UserError(str(error))
    return error
