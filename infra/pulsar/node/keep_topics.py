"""Apply the topics that the stack's bucket says: on each broker, each minute.

topics.py MACHINE_FILE
"""

import json
import socket
import sys
from pathlib import Path

from infra.pulsar.node.apply_topics import main as apply
from infra.pulsar.node.calls import Aws, Failed


def main(arguments: list[str]) -> int:
    """Fetch and apply; exit code 1 and a line where something is not there yet."""
    machine = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    wanted, folder = machine["topics"], Path(machine["folder"])
    target = folder / "topics.json"
    try:
        Aws(machine["region"]).save_object(wanted["bucket"], wanted["key"], target)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    url = f"https://{socket.getfqdn()}:{wanted['port']}"
    return apply([url, str(folder / "ca.pem"), str(folder / "admin.token"), str(target)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
