"""What a stack on Kafka decides about its cluster."""

from typing import Literal

from pydantic import BaseModel, Field


class KafkaSettings(BaseModel):
    """The cluster, where the stream is a Kafka topic."""

    kafka_cluster: Literal["provisioned", "serverless", "given"] = Field(
        "provisioned",
        description="Amazon MSK with brokers of the stack's own, MSK Serverless, or a cluster that "
        "is there already (service_url), in a network that you connect with the workers'.",
    )
    kafka_version: str = Field(
        "3.9.x.kraft",
        pattern=r"^\d+\.\d+\.[\dx]+(\.kraft)?$",
        description="Version of provisioned brokers, as MSK writes it.",
    )
    kafka_instance_type: str = Field(
        "kafka.m7g.large",
        pattern=r"^kafka\.[a-z0-9]+\.[a-z0-9]+$",
        description="Size of a provisioned broker, a Standard one: Express brokers take neither "
        "the volume nor the properties that the stack gives.",
    )
    kafka_brokers_per_zone: int = Field(
        1, ge=1, le=10, description="Provisioned brokers in each zone."
    )
    kafka_volume_gb: int = Field(
        100, ge=1, le=16_384, description="Volume of a provisioned broker; it can only grow."
    )
    kafka_security: Literal["plaintext", "tls", "iam"] = Field(
        "iam", description="How a given cluster is spoken to; MSK's always by IAM over TLS."
    )
    kafka_cluster_arn: str | None = Field(
        None,
        pattern=r"^arn:aws:kafka:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9-]+/[A-Za-z0-9-]+$",
        description="ARN of a given cluster that is spoken to by IAM, for the workers' rights.",
    )
