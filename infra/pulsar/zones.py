"""The zone of each bookie, for those who choose where the copies of an entry go: pure.

Brokers, and bookies that make lost copies anew, ask a script for the zone of an address (BookKeeper
documentation, "networkTopologyScriptFileName"). A bookie's next machine has another address in the
same zone's network, so nobody has to be told of it, before the first entry or later.
"""

from collections.abc import Mapping
from typing import Final

RESOLVER: Final = "org.apache.bookkeeper.net.ScriptBasedMapping"
SCRIPT: Final = "zone_of"
TEXT: Final = """\
#!/usr/bin/env python3
import ipaddress, sys
zones = {zones}
for each in sys.argv[1:]:
    address = ipaddress.ip_address(each)
    found = [zone for zone, network in zones.items() if address in ipaddress.ip_network(network)]
    print("/" + (found or ["default-rack"])[0])
"""
"""It is run without an address as well: only if that goes well does a broker believe it."""


def script(zones: Mapping[str, str]) -> str:
    """Return the script that prints the zone of each address it is given, as a path.

    `zones` are networks in CIDR notation, by their zones' names.
    """
    return TEXT.format(zones=dict(zones))
