"""What a stack decides: every setting with its default, limits and meaning, checked before use."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, Self

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import ConfigDict, ValidationError, model_validator

from infra import setting_faults
from infra.alarm_rule import Objectives
from infra.broker_ports import ports_of
from infra.settings_kafka import KafkaSettings
from infra.settings_keeping import KeepingSettings
from infra.settings_network import NetworkSettings
from infra.settings_processing import ProcessingSettings
from infra.settings_pulsar import PulsarSettings
from infra.settings_scaling import ScalingSettings
from infra.settings_stream import StreamSettings
from infra.settings_watching import WatchingSettings
from infra.settings_worker import WorkerSettings

SECONDS_PER_HOUR: Final = 3600
HOURS_PER_DAY: Final = 24
COMMIT_DAYS: Final = 40
"""How long the ledger keeps a commit (`pipeline.ledger.items`, `COMMIT_KEEP_MS`)."""

BROKER_ZONES: Final = 3
"""One copy of each record in each (`infra.stream_kafka`, `REPLICAS`; `infra.pulsar.cluster`)."""

ASKED_BY: Final = {
    "broker_count": "pulsar_admin_url",
    "pulsar_bookie_count": "pulsar_bookie_url",
}
"""Who tells how many servers of a given Pulsar there are."""

OBJECTIVES: Final = tuple(field.name for field in fields(Objectives))
"""The settings that the alarms are made from."""

SECRET_SETTINGS: Final = ("alarm_email", "page_email", "budget_email")
"""What is kept encrypted in the state, whether or not it was set with --secret."""


class Settings(
    WatchingSettings,
    KeepingSettings,
    NetworkSettings,
    WorkerSettings,
    ProcessingSettings,
    KafkaSettings,
    PulsarSettings,
    ScalingSettings,
    StreamSettings,
):
    """The settings of one stack, by the names under which `pulumi config set` takes them.

    Limits without a source are AWS's own for the property that the setting becomes. The groups
    stand last first: pydantic puts the fields of the last class that is inherited from first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict one another."""
        retention_seconds = self.retention_hours * SECONDS_PER_HOUR
        if self.stream_mode == "on_demand" and "shard_count" in self.model_fields_set:
            raise ValueError(
                "shard_count: an on-demand stream chooses its shards itself; "
                "remove shard_count or set stream_mode to provisioned"
            )
        if fault := self.scaling_fault(
            shard_count=self.shard_count,
            on_demand=self.stream_mode == "on_demand",
            kinesis=self.stream == "kinesis",
        ):
            raise ValueError(fault)
        if self.budget_usd is None and self.budget_email is not None:
            raise ValueError("budget_email: there is no budget to tell of; set budget_usd as well")
        if self.window_seconds > retention_seconds:
            raise ValueError(
                f"window_seconds: {self.window_seconds} is longer than the stream keeps records "
                f"({retention_seconds} s); raise retention_hours or lower window_seconds"
            )
        if self._late_reader_days + 1 > COMMIT_DAYS:
            raise ValueError(
                f"retention_hours: {self.retention_hours} is longer than the ledger keeps commits "
                f"({COMMIT_DAYS} days); a late reader would store copies again (protocol.md, T26)"
            )
        if self.record_age_seconds_max > retention_seconds:
            raise ValueError(
                f"record_age_seconds_max: {self.record_age_seconds_max} is longer than the stream "
                f"keeps records ({retention_seconds} s); set -1 for no limit"
            )
        if -1 < self.record_age_seconds_max < 60:
            raise ValueError(
                f"record_age_seconds_max: {self.record_age_seconds_max} is neither -1 nor at "
                "least 60 (Lambda API, CreateEventSourceMapping)"
            )
        if self.oldest_event_age_seconds_max < self.batch_window_seconds:
            raise ValueError(
                f"oldest_event_age_seconds_max: {self.oldest_event_age_seconds_max} is less than a "
                f"batch is gathered ({self.batch_window_seconds} s); raise it or lower "
                "batch_window_seconds"
            )
        if self.package_file is not None and not self.package_file.is_file():
            raise ValueError(f"package_file: there is no file {self.package_file}")
        return self

    @model_validator(mode="after")
    def _broker_is_there(self) -> Self:
        """Refuse a broker that nobody could reach, and copies in more zones than there are."""
        if self.stream == "kinesis":
            return self
        cluster = self.kafka_cluster if self.stream == "kafka" else self.pulsar_cluster
        given = cluster == "given"
        if given != (self.service_url is not None):
            raise ValueError(
                "service_url: a given cluster is reached by it, and no other one; set it together "
                f"with {self.stream}_cluster given"
            )
        counted = ("broker_count", "pulsar_bookie_count", "pulsar_admin_url", "pulsar_bookie_url")
        if not given and (told := [name for name in counted if getattr(self, name) is not None]):
            raise ValueError(
                f"{told[0]}: the stack knows it of its own cluster; set it for a given one alone"
            )
        if cluster in ("provisioned", "own") and self.zones != BROKER_ZONES:
            raise ValueError(
                f"zones: {self.zones} cannot hold the {BROKER_ZONES} copies of each record; set "
                f"zones to {BROKER_ZONES}"
            )
        if (
            self.stream == "kafka"
            and given
            and self.kafka_security == "iam"
            and self.kafka_cluster_arn is None
        ):
            raise ValueError(
                "kafka_cluster_arn: workers are allowed into a given cluster by it; set it, or "
                "another kafka_security"
            )
        return self

    @model_validator(mode="after")
    def _given_pulsar_can_be_asked(self) -> Self:
        """Refuse a number of which nobody would tell, and a token that anybody could read."""
        if self.stream != "pulsar" or self.pulsar_cluster != "given":
            return self
        for count, url in ASKED_BY.items():
            if getattr(self, count) is not None and getattr(self, url) is None:
                raise ValueError(f"{count}: nobody tells how many there are; set {url} as well")
        plain = (self.pulsar_admin_url or "").startswith("http://")
        if plain and self.pulsar_credentials_arn is not None:
            raise ValueError(
                "pulsar_admin_url: the token of pulsar_credentials_arn would go there in clear; "
                "set its https:// address"
            )
        return self

    @model_validator(mode="after")
    def _given_broker_is_reached(self) -> Self:
        """Refuse a given broker to which the workers' network on AWS would have no way."""
        given = self.given_addresses
        if self.broker_cidr is not None and not given:
            raise ValueError(
                "broker_cidr: the stack's own brokers are in its network; set it for a given "
                "cluster alone"
            )
        if self.broker_cidr is None and given and self.package == "aws":
            raise ValueError(
                "broker_cidr: workers reach a given cluster by it, and nothing else; set it to the "
                "addresses of its brokers, as 10.7.0.0/16"
            )
        if self.broker_cidr is not None:
            try:
                ports_of(*given)
            except ValueError as error:
                raise ValueError(f"service_url: {error}") from None
        return self

    @property
    def given_addresses(self) -> tuple[str, ...]:
        """Where a given broker and its servers are asked: none where the stack has its own."""
        if self.stream == "kinesis" or self.service_url is None:
            return ()
        asked = (self.pulsar_admin_url, self.pulsar_bookie_url) if self.stream == "pulsar" else ()
        return (self.service_url, *(url for url in asked if url is not None))

    @property
    def objectives(self) -> Objectives:
        """What the alarms hold the stack to."""
        return Objectives(**{field: getattr(self, field) for field in OBJECTIVES})

    @property
    def destroys_data(self) -> bool:
        """Whether both settings agree that data may go."""
        return self.destroy_data and not self.retain_data

    @property
    def budget_tells_topic(self) -> bool:
        """Whether there is a budget, and no address that it could tell."""
        return self.budget_usd is not None and self.budget_email is None

    @property
    def hidden_days(self) -> int:
        """How long staged bytes, ids and journal are kept, in days.

        Longer than the ledger's backup window, else a restored ledger names objects that are gone,
        and longer than window and retention together, else a stalled consumer starts without the
        ids it needs (protocol.md, T26, T30 and "keeping"); a day of margin on either.
        """
        return max(self.backup_days, self._late_reader_days) + 1

    @property
    def _late_reader_days(self) -> int:
        """How long after a commit, in whole days, a stalled consumer may need its ids."""
        hours = self.retention_hours + self.window_seconds / SECONDS_PER_HOUR
        return -int(-hours // HOURS_PER_DAY)


def load(project: str) -> Settings:
    """Return the settings that Pulumi holds for the project, keys of other namespaces left alone.

    Raises pulumi.RunError that names each wrong key and what is right.
    """
    held = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
    prefix = f"{project}:"
    own = {key.removeprefix(prefix): held[key] for key in held if key.startswith(prefix)}
    exposed = [
        key
        for key in own
        if key not in SECRET_SETTINGS and pulumi_config.is_config_secret(prefix + key)
    ]
    if exposed:
        raise pulumi.RunError(
            f"{', '.join(exposed)}: given as a secret, but it becomes a property that everybody "
            f"can read; set it without --secret (secret are {', '.join(SECRET_SETTINGS)})"
        )
    return parse(own)


def parse(values: Mapping[str, object]) -> Settings:
    """Return validated settings. Raises pulumi.RunError that names each wrong key."""
    unknown = [
        setting_faults.unknown(key, Settings.model_fields)
        for key in values
        if key not in Settings.model_fields
    ]
    if unknown:
        raise pulumi.RunError("; ".join(unknown))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise pulumi.RunError(setting_faults.told(error.errors())) from None
