"""Physical names, all of them: every other module asks here."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import UserError

PREFIX: Final = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
BUCKET_CHARACTERS_MAX: Final = 63
"""Amazon S3 user guide, "Bucket naming rules": also why a prefix is lower-case."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one stack's resources in one account and region."""

    project: str
    stack: str
    account: str
    region: str

    def __post_init__(self) -> None:
        """Refuse, before anything is made, a stack that AWS could not name."""
        if not PREFIX.fullmatch(self.prefix):
            raise UserError(
                f"the stack's name {self.stack!r} is refused: lower-case letters, digits and "
                "hyphens only, for it becomes part of a bucket's name (pulumi stack rename)"
            )
        excess = len(self.lake_bucket) - BUCKET_CHARACTERS_MAX
        if excess > 0:
            raise UserError(
                f"the stack's name {self.stack!r} is {excess} characters too long for a bucket's "
                "name (pulumi stack rename)"
            )

    @property
    def prefix(self) -> str:
        """What every name of the stack begins with."""
        return f"{self.project}-{self.stack}"

    @property
    def stream(self) -> str:
        """The event stream."""
        return f"{self.prefix}-events"

    @property
    def broker_cluster(self) -> str:
        """The cluster of brokers."""
        return f"{self.prefix}-brokers"

    @property
    def worker(self) -> str:
        """The long-running workers' service, repository and consumer group."""
        return f"{self.prefix}-worker"

    @property
    def watcher(self) -> str:
        """The service of what watches a topic."""
        return f"{self.prefix}-watcher"

    @property
    def worker_cluster(self) -> str:
        """The ECS cluster that workers and watcher are in."""
        return f"{self.prefix}-workers"

    @property
    def lake_bucket(self) -> str:
        """The lake; bucket names are shared by all of AWS, hence account and region in it."""
        return f"{self.prefix}-lake-{self.account}-{self.region}"

    @property
    def broker_bucket(self) -> str:
        """What a cluster's own machines run, and where they offload to."""
        return f"{self.broker_cluster}-{self.account}-{self.region}"

    @property
    def ledger_table(self) -> str:
        """The ledger."""
        return f"{self.prefix}-ledger"

    @property
    def stream_processor(self) -> str:
        """The function that takes batches."""
        return f"{self.prefix}-stream-processor"

    @property
    def ledger_sweeper(self) -> str:
        """The function that finishes what no batch will."""
        return f"{self.prefix}-ledger-sweeper"

    @property
    def freshness_probe(self) -> str:
        """The function that measures from outside how late the lake is."""
        return f"{self.prefix}-freshness-probe"

    @property
    def lake_auditor(self) -> str:
        """The function that holds the lake against the stream."""
        return f"{self.prefix}-lake-auditor"

    @property
    def shard_scaler(self) -> str:
        """The function that changes the number of shards."""
        return f"{self.prefix}-shard-scaler"

    @property
    def key_alias(self) -> str:
        """The key's alias, in KMS's own form."""
        return f"alias/{self.prefix}"

    @property
    def glue_database(self) -> str:
        """The catalog's database; Athena wants no hyphen in it."""
        return self.prefix.replace("-", "_")

    @property
    def topic(self) -> str:
        """Where alarms are told."""
        return f"{self.prefix}-alarms"

    @property
    def pages_topic(self) -> str:
        """Where incidents are told, once each."""
        return f"{self.prefix}-pages"

    @property
    def budget(self) -> str:
        """What the account may cost."""
        return f"{self.prefix}-month"

    @property
    def dashboard(self) -> str:
        """The one page that shows the stack."""
        return self.prefix

    def alarm(self, rule: str) -> str:
        """Return the name of an alarm by its rule's or composite's id."""
        return f"{self.prefix}-{rule}"

    def log_group(self, function: str) -> str:
        """Return the log group of a function, named as Lambda names it."""
        return f"/aws/lambda/{function}"

    def task_log_group(self, service: str) -> str:
        """Return the log group of an ECS service's tasks."""
        return f"/aws/ecs/{service}"

    def broker_log_group(self, cluster: str) -> str:
        """Return the log group of a cluster's brokers: under what CloudWatch Logs delivers to by
        itself (CloudWatch Logs user guide, "Enable logging from AWS services").
        """
        return f"/aws/vendedlogs/msk/{cluster}"
