"""What a stack decides about its long-running workers, which streams other than Kinesis have."""

from typing import Final, Self

from pydantic import BaseModel, Field, model_validator

MEMORY_MB: Final = {
    256: (512, 1_024, 2_048),
    512: tuple(range(1_024, 4_097, 1_024)),
    1_024: tuple(range(2_048, 8_193, 1_024)),
    2_048: tuple(range(4_096, 16_385, 1_024)),
    4_096: tuple(range(8_192, 30_721, 1_024)),
    8_192: tuple(range(16_384, 61_441, 4_096)),
}
"""What Fargate gives a task of so many CPU units (ECS developer guide, "Amazon ECS task definition
parameters for Fargate", "Task size")."""

WATCHER_CPU_UNITS: Final = 256
WATCHER_MEMORY_MB: Final = 512
"""The least that Fargate has: a look a minute is little work."""

IMAGE: Final = r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9][a-z0-9._/-]*[:@][\w.:-]+$"


class WorkerSettings(BaseModel):
    """How large workers are, how many there are, and how long they may take to leave."""

    worker_cpu_units: int = Field(
        1_024, ge=256, le=8_192, description="CPU of a worker; 1024 units are one whole CPU."
    )
    worker_memory_mb: int = Field(
        2_048,
        ge=512,
        le=61_440,
        description="Memory of a worker, of what Fargate pairs with its CPU.",
    )
    workers_min: int = Field(1, ge=1, le=100, description="Workers that always run.")
    workers_max: int = Field(
        4, ge=1, le=100, description="Workers at most; more than there are partitions idle."
    )
    worker_lag_max: int = Field(
        1_000,
        ge=1,
        description=(
            "Records of the topic that may wait for each worker; beyond it one is added. At the "
            "least a second's records of one worker: as many wait while all is well."
        ),
    )
    worker_batch_ms: int = Field(
        200,
        ge=0,
        le=60_000,
        description="How long an event waits for others on its way to the lake: longer makes "
        "fewer and larger files, and fewer requests to pay.",
    )
    worker_grace_seconds: int = Field(
        25,
        ge=5,
        le=115,
        description="How long a worker that is told to stop may finish what it does; ECS gives 5 "
        "more.",
    )
    worker_image: str | None = Field(
        None,
        pattern=IMAGE,
        description="An image that is in Amazon ECR; built and pushed by Docker when absent.",
    )

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        """Refuse a size that Fargate does not have, and a least that is more than the most."""
        sizes = MEMORY_MB.get(self.worker_cpu_units)
        if sizes is None:
            raise ValueError(
                f"worker_cpu_units: Fargate has {', '.join(map(str, MEMORY_MB))}, not "
                f"{self.worker_cpu_units}"
            )
        if self.worker_memory_mb not in sizes:
            raise ValueError(
                f"worker_memory_mb: with {self.worker_cpu_units} CPU units Fargate has "
                f"{', '.join(map(str, sizes))}, not {self.worker_memory_mb}"
            )
        if self.workers_min > self.workers_max:
            raise ValueError(
                f"workers_min: {self.workers_min} is more than workers_max ({self.workers_max}); "
                "lower one or raise the other"
            )
        return self
