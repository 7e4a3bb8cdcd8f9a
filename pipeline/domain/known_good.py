"""One record that every working deployment can process: it tells bad data from a bad deploy."""

import json
from typing import Final

from pipeline.core.records import Position, Record
from pipeline.domain.contracts import DEPARTURES

_TIME_MS: Final = 1_700_000_000_000

KNOWN_GOOD: Final = Record(
    position=Position(0),
    partition_key="known-good",
    arrival_ms=_TIME_MS,
    data=json.dumps(
        {
            "type": DEPARTURES.table,
            "id": "known-good",
            "producer": "known-good",
            "sequence": 0,
            "event_time": _TIME_MS,
            "aircraft": "N14228",
            "carrier": "UA",
            "flight": 1545,
            "origin": "EWR",
            "destination": "IAH",
            "scheduled_departure": 1_357_035_300_000,
            "departure_delay_minutes": 2,
            "arrival_delay_minutes": 11,
            "air_time_minutes": 227,
            "distance_miles": 1400,
        }
    ).encode(),
)
"""Before a record is masked, the core must survive this one (protocol.md, "silent deaths")."""
