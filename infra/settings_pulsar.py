"""What a stack on Pulsar decides about its cluster."""

from typing import Final, Literal

from pydantic import BaseModel, Field

MEMORY_MB: Final = {
    "c7g.large": 4_096,
    "m7g.medium": 4_096,
    "c7g.xlarge": 8_192,
    "m7g.large": 8_192,
    "m7g.xlarge": 16_384,
    "r7g.large": 16_384,
    "m7g.2xlarge": 32_768,
    "r7g.xlarge": 32_768,
}
"""Machines for brokers and bookies (EC2 instance types). All are of the Nitro system that encrypts
what they send each other inside a network (EC2 user guide, "Encryption in transit")."""

Machine = Literal[
    "c7g.large",
    "m7g.medium",
    "c7g.xlarge",
    "m7g.large",
    "m7g.xlarge",
    "r7g.large",
    "m7g.2xlarge",
    "r7g.xlarge",
]


class PulsarSettings(BaseModel):
    """The cluster, where the stream is a Pulsar topic."""

    pulsar_cluster: Literal["own", "given"] = Field(
        "own",
        description="A cluster of the stack's own machines (docs/pulsar-cluster.md), or one that "
        "is there already (service_url).",
    )
    pulsar_namespace: str = Field(
        "public/default",
        pattern=r"^[A-Za-z0-9_.=:-]+/[A-Za-z0-9_.=:-]+$",
        description="Tenant and namespace of the topic in a given cluster.",
    )
    pulsar_credentials_arn: str | None = Field(
        None,
        pattern=r"^arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+$",
        description="Secret with token and ca by which workers and their watcher come into a "
        "given cluster, under AWS's own key (aws/secretsmanager): of other keys what starts them "
        "may use the stack's alone.",
    )
    pulsar_admin_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+$",
        description="Admin API of a given cluster, by which its brokers are watched.",
    )
    pulsar_bookie_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+$",
        description="HTTP API of a bookie of a given cluster, by which bookies are watched: any of "
        "them tells of all.",
    )
    pulsar_bookie_count: int | None = Field(
        None, ge=1, description="Bookies that a given cluster should have: fewer are told of."
    )
    pulsar_metadata_machine: Machine = Field(
        "m7g.medium", description="Machine of each of the three servers of the metadata store."
    )
    pulsar_bookie_machine: Machine = Field("m7g.large", description="Machine of a bookie.")
    pulsar_broker_machine: Machine = Field("m7g.large", description="Machine of a broker.")
    pulsar_bookies_per_zone: int = Field(
        2,
        ge=1,
        le=10,
        description="Bookies in each zone. With one, topics of a lost broker wait while a bookie "
        "is away: a new ledger wants three.",
    )
    pulsar_brokers: int = Field(
        3, ge=3, le=60, description="Brokers, spread over the zones; they keep nothing."
    )
    pulsar_journal_gb: int = Field(
        20, ge=10, le=1_000, description="Volume of a bookie's journal; it can only grow."
    )
    pulsar_ledgers_gb: int = Field(
        100, ge=10, le=16_384, description="Volume of a bookie's messages; it can only grow."
    )
    pulsar_backlog_gb_max: float | None = Field(
        None,
        ge=0.001,
        description="Unread GB of a partition above which its producers are held; without it "
        "nobody is. Of a given cluster it says what its quota is.",
    )
    pulsar_offload_gb: int | None = Field(
        None,
        ge=1,
        description="GB of a partition that stay with the bookies; what is older goes to S3. "
        "Without it nothing does.",
    )
