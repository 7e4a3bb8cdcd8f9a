"""What one commit covers of its batch, on its way through the core."""

from dataclasses import dataclass

from pipeline.core.batch import Batch, LostRange
from pipeline.core.decode import Decoded
from pipeline.core.intake import Intake
from pipeline.core.lines import Lines
from pipeline.core.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a commit covers: the first `intake.records` records, decoded, and ranges lost before."""

    batch: Batch
    intake: Intake
    lines: Lines
    decoded: Decoded

    @property
    def received(self) -> int:
        """How many events the stream handed over; what could not be split counts as one."""
        return sum(each.lines for each in self.intake.payloads) + len(self.intake.refused)

    @property
    def arrival_ms_max(self) -> int:
        """When the newest record arrived, 0 if there is none."""
        taken = self.batch.records[: self.intake.records]
        return max((record.arrival_ms for record in taken), default=0)

    def extent(self) -> tuple[Position, tuple[LostRange, ...]]:
        """Return the last position covered and the lost ranges up to it."""
        records, lost = self.batch.records, self.batch.lost
        if self.intake.records < len(records):
            last = records[self.intake.records - 1].position
            return last, tuple(each for each in lost if each.first < last)
        positions = [record.position for record in records[-1:]]
        return max(positions + [each.last for each in lost]), lost
