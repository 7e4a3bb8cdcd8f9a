"""Use all of each volume, once it is larger than its file system: each minute.

grow_volumes.py MACHINE_FILE
"""

import json
import sys
from pathlib import Path

from infra.pulsar.node.calls import Failed
from infra.pulsar.node.volumes import grow


def main(arguments: list[str]) -> int:
    """Grow each file system; exit code 1 and a line where one cannot be."""
    machine = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    try:
        for volume in machine["volumes"]:
            if grow(volume["mount"]):
                sys.stdout.write(f"{volume['mount']}: has grown\n")
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
