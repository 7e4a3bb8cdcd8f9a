"""User data: what cloud-init writes and starts on a machine's first boot."""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.pulsar.cluster import Rendered
from infra.pulsar.layout import DEFAULT_LAYOUT, MACHINE, Layout
from infra.pulsar.systemd import USER, Unit, every_minute

BYTES_MAX: Final = 16_384
"""EC2 user guide, "Run commands when you launch an EC2 instance with user data input": before it
is encoded in base64; cloud-init unpacks what is compressed."""
NODE: Final = Path(__file__).parent / "node"
CODE: Final = "/opt/sluice"
PACKAGE: Final = "infra.pulsar.node"
MACHINE_FILE: Final = "machine.json"
TOPICS_SERVICE: Final = "pulsar-topics.service"
TOPICS_TIMER: Final = "pulsar-topics.timer"
VOLUMES_SERVICE: Final = "pulsar-volumes.service"
VOLUMES_TIMER: Final = "pulsar-volumes.timer"
FIGURES_SERVICE: Final = "pulsar-figures.service"
FIGURES_RESTART_SECONDS: Final = 5


def program(name: str, layout: Layout = DEFAULT_LAYOUT) -> tuple[str, ...]:
    """Return the line that runs one of this project's programs on a machine."""
    return (
        *("/usr/bin/env", f"PYTHONPATH={CODE}", "/usr/bin/python3", "-m", f"{PACKAGE}.{name}"),
        f"{layout.configuration}/{MACHINE_FILE}",
    )


def user_data(
    rendered: Rendered,
    machine: Mapping[str, Any],
    *,
    layout: Layout = DEFAULT_LAYOUT,
    keeps_topics: bool = False,
) -> str:
    """Return user data in base64, the same for the same machine.

    A machine that is told `figures` tells them (`infra.pulsar.figures`). Raises ValueError where
    EC2 would refuse it.
    """
    units = dict(rendered.units)
    units[MACHINE] = Unit(
        description="Volumes, programs and secrets of the Pulsar cluster",
        start=program("machine", layout),
        user="root",
    ).render()
    if "figures" in machine:
        units[FIGURES_SERVICE] = Unit(
            description="Figures of the Pulsar cluster for its watcher",
            start=program("figures", layout),
            after=(MACHINE,),
            needs=layout.ready,
            restart_seconds=FIGURES_RESTART_SECONDS,
        ).render()
    started = list(units)
    if keeps_topics:
        topics = _repeated("Topics of the stack, once", "keep_topics", layout)
        units[TOPICS_SERVICE] = topics.render()
        units[TOPICS_TIMER] = every_minute("Topics of the stack", TOPICS_SERVICE)
        started.append(TOPICS_TIMER)
    if machine.get("volumes"):
        volumes = _repeated("Volumes that have grown, once", "grow_volumes", layout, user="root")
        units[VOLUMES_SERVICE] = volumes.render()
        units[VOLUMES_TIMER] = every_minute("Volumes that have grown", VOLUMES_SERVICE)
        started.append(VOLUMES_TIMER)
    packed = gzip.compress(
        _cloud_config(_files(rendered, units, machine, layout), started).encode(), mtime=0
    )
    if len(packed) > BYTES_MAX:
        raise ValueError(f"user data: {len(packed)} bytes, {BYTES_MAX} at most")
    return base64.b64encode(packed).decode()


def _repeated(description: str, name: str, layout: Layout, *, user: str = USER) -> Unit:
    """Return what a timer starts, once the machine is ready."""
    return Unit(
        description=description,
        start=program(name, layout),
        needs=layout.ready,
        user=user,
        repeated=True,
    )


def _files(
    rendered: Rendered, units: Mapping[str, str], machine: Mapping[str, Any], layout: Layout
) -> dict[str, str]:
    """Return every file that is written before anything starts.

    What lies on a volume is written by the machine's own program once the volume is mounted.
    """
    on_volumes = {p: t for p, t in rendered.files.items() if p.startswith(f"{layout.data}/")}
    told = {**machine, "folder": layout.secrets, "files": on_volumes}
    code = {
        f"{CODE}/{PACKAGE.replace('.', '/')}/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(NODE.glob("*.py"))
    }
    return {
        **{path: text for path, text in rendered.files.items() if path not in on_volumes},
        **{f"/etc/systemd/system/{name}": text for name, text in units.items()},
        **code,
        f"{layout.configuration}/{MACHINE_FILE}": json.dumps(told, sort_keys=True),
    }


def _cloud_config(files: Mapping[str, str], started: Sequence[str]) -> str:
    """Return what cloud-init reads, as JSON, which is YAML (its documentation, "write_files")."""
    config = {
        "users": [
            "default",
            {"name": USER, "system": True, "no_create_home": True, "shell": "/usr/sbin/nologin"},
        ],
        "write_files": [
            {
                "path": path,
                "content": text,
                "permissions": "0755" if text.startswith("#!") else "0644",
            }
            for path, text in files.items()
        ],
        "runcmd": [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "--no-block", *started],
        ],
    }
    return "#cloud-config\n" + json.dumps(config)
