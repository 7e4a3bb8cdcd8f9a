"""Make a machine ready for its servers: volumes, programs, secrets. Again and again, if need be.

machine.py MACHINE_FILE
"""

import base64
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from infra.pulsar.node.artifacts import install
from infra.pulsar.node.calls import Aws, Failed, metadata
from infra.pulsar.node.volumes import attach_all

READY = "ready"
"""The servers start when this file is there, beside the secrets: in memory, gone with a reboot."""


def write_secrets(aws: Aws, secrets: list[dict[str, Any]], folder: Path) -> None:
    """Write the members of secrets into files that their owner alone reads."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for wanted in secrets:
        held = aws.secret(wanted["arn"])
        for name, member in wanted["files"].items():
            if member not in held:
                raise Failed(f"{wanted['arn']}: has no {member} yet")
            path = folder / name
            path.touch(mode=0o600)
            # JSON has no bytes: what is no text stands there in base64, and its name says so.
            value = held[member]
            path.write_bytes(
                base64.b64decode(value) if member.endswith("_base64") else value.encode()
            )


def prepare(aws: Aws, machine: dict[str, Any], folder: Path) -> None:
    """Bring programs, secrets and what belongs on the volumes to where the servers look."""
    for path, text in machine["files"].items():
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for artifact in machine["artifacts"]:
        if install(aws, artifact):
            sys.stdout.write(f"{artifact['key']}: installed\n")
    write_secrets(aws, machine["secrets"], folder)


def main(arguments: list[str]) -> int:
    """Prepare this machine; exit code 1 and a line where something is not there yet."""
    machine = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    folder = Path(machine["folder"])
    aws = Aws(machine["region"])
    try:
        attach_all(aws, metadata("instance-id"), machine)
        prepare(aws, machine, folder)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in (folder, *folder.iterdir(), *map(Path, machine["files"])):
        shutil.chown(str(path), "pulsar", "pulsar")
    (folder / READY).touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
