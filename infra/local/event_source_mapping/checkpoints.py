"""How far each mapping has come in each shard, in a file, so that a restarted poller goes on."""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.local.event_source_mapping.settings import Mapping, Start


@dataclass(kw_only=True)
class Progress:
    """One mapping's progress: `start_at` in seconds, None for the oldest record there is."""

    start_at: float | None
    delivered: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)


class Checkpoints:
    """The progress of all mappings; safe to share between threads.

    `flush` writes it by a rename. What was not flushed is delivered again, which AWS may do too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        stored = json.loads(path.read_text()) if path.exists() else {}
        self._mappings = {uuid: Progress(**progress) for uuid, progress in stored.items()}
        self._changed = False

    def start(self, mapping: Mapping, *, now: float) -> float | None:
        """Return the time at which the mapping starts to read; None for the oldest record.

        LATEST is fixed at the time at which the mapping was first seen, so that a restart skips
        nothing, and so that shards opened later are read from their beginning.
        """
        first_seen = {
            Start.TRIM_HORIZON: None,
            Start.LATEST: now,
            Start.AT_TIMESTAMP: mapping.start_at,
        }
        with self._lock:
            if mapping.uuid not in self._mappings:
                self._mappings[mapping.uuid] = Progress(start_at=first_seen[mapping.start])
                self._changed = True
            return self._mappings[mapping.uuid].start_at

    def delivered(self, uuid: str, shard_id: str) -> int | None:
        """Return the last sequence number that is done with; None before the first."""
        with self._lock:
            return self._mappings[uuid].delivered.get(shard_id)

    def finished(self, uuid: str) -> set[str]:
        """Return the shards that are done with to their end."""
        with self._lock:
            return set(self._mappings[uuid].finished)

    def advance(self, uuid: str, shard_id: str, sequence: int) -> None:
        """Note that everything up to this sequence number was delivered or given up."""
        with self._lock:
            self._mappings[uuid].delivered[shard_id] = sequence
            self._changed = True

    def finish(self, uuid: str, shard_id: str) -> None:
        """Note that a closed shard is done with to its end."""
        with self._lock:
            self._mappings[uuid].finished.append(shard_id)
            self._changed = True

    def keep_only(self, uuids: set[str]) -> None:
        """Forget mappings that no longer exist."""
        with self._lock:
            gone = self._mappings.keys() - uuids
            for uuid in gone:
                del self._mappings[uuid]
            self._changed = self._changed or bool(gone)

    def flush(self) -> None:
        """Write the file if anything changed."""
        with self._lock:
            if not self._changed:
                return
            text = json.dumps({uuid: asdict(progress) for uuid, progress in self._mappings.items()})
            self._changed = False
        beside = self._path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self._path)
