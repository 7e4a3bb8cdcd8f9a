"""What a stack decides about how it scales: shards by load or clock, runs by a limit."""

from pydantic import BaseModel, Field, field_validator

from pipeline.scaling import SHARDS_MAX, Scaling, parse_schedule


class ScalingSettings(BaseModel):
    """Limits of what scales by itself; shards do where a utilization or a schedule is given."""

    shard_count_min: int = Field(
        1, ge=1, le=SHARDS_MAX, description="The scaler never goes below these shards."
    )
    shard_count_max: int | None = Field(
        None,
        ge=1,
        le=SHARDS_MAX,
        description="The scaler never goes above these shards; needed where it is on.",
    )
    shard_utilization_percent: int | None = Field(
        None,
        ge=5,
        le=90,
        description="Scaler: the share of what its shards take that the stream is kept at. More "
        "for two minutes adds shards; 15 quiet minutes take some away.",
    )
    shard_schedule: str | None = Field(
        None,
        description="Scaler: shards by the clock, UTC, such as `mon-fri 07:00 = 8; daily 20:00 = "
        "2`; with a utilization at least as many.",
    )
    concurrency_max: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="Runs of the stream processor at once at most, kept for it alone; one a shard "
        "is all it needs. None leaves it to the account.",
    )

    @field_validator("shard_schedule")
    @classmethod
    def _schedule(cls, text: str | None) -> str | None:
        """Refuse a schedule that does not parse, or asks for nothing."""
        if text is not None and not parse_schedule(text):
            raise ValueError("an empty schedule; leave it out")
        return text

    @property
    def scales_shards(self) -> bool:
        """Whether the stack has a scaler."""
        return self.shard_utilization_percent is not None or self.shard_schedule is not None

    @property
    def scaling(self) -> Scaling | None:
        """What the scaler is told, if there is one."""
        if not self.scales_shards or self.shard_count_max is None:
            return None
        return Scaling(
            shards_min=self.shard_count_min,
            shards_max=self.shard_count_max,
            utilization_percent=self.shard_utilization_percent,
            schedule=self.shard_schedule or "",
        )

    def scaling_fault(self, *, shard_count: int, on_demand: bool, kinesis: bool) -> str | None:
        """Return what contradicts what, in words, if anything does."""
        least, most = self.shard_count_min, self.shard_count_max or SHARDS_MAX
        asked = [entry.shards for entry in parse_schedule(self.shard_schedule or "")]
        needed = self.shard_count_max or shard_count
        runs = self.concurrency_max or needed
        limited = self.shard_count_max is not None
        faults = (
            (
                (self.scales_shards or limited or self.concurrency_max is not None) and not kinesis,
                "shard_..., concurrency_max: only a Kinesis stream is scaled by them; remove them, "
                "or set stream to kinesis",
            ),
            (
                self.scales_shards and on_demand,
                "shard_utilization_percent, shard_schedule: an on-demand stream scales itself; "
                "remove them or set stream_mode to provisioned",
            ),
            (
                self.scales_shards and not limited,
                "shard_count_max: say how far the scaler may go",
            ),
            (
                limited and not self.scales_shards,
                "shard_count_max: nothing scales the stream; set shard_utilization_percent or "
                "shard_schedule as well",
            ),
            (
                self.scales_shards and not least <= shard_count <= most,
                f"shard_count: {shard_count} is not from shard_count_min ({least}) to "
                f"shard_count_max ({most})",
            ),
            (
                any(not least <= shards <= most for shards in asked),
                f"shard_schedule: asks for less than shard_count_min ({least}) or more than "
                f"shard_count_max ({most})",
            ),
            (
                runs < needed and not on_demand and kinesis,
                f"concurrency_max: {runs} is less than one run for each of {needed} shards; raise "
                "it or leave it out",
            ),
        )
        return next((told for wrong, told in faults if wrong), None)
