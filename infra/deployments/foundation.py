"""What every composition stands on, whatever its stream: key, lake, ledger, catalog, network."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra import policies
from infra.catalog import Catalog, CatalogArgs
from infra.encryption import Encryption, EncryptionArgs
from infra.lake import Lake, LakeArgs
from infra.ledger import Ledger, LedgerArgs
from infra.naming import Names
from infra.network import Network, NetworkArgs, zones
from infra.policies import Statement
from infra.policies_network import through_endpoint
from infra.settings import Settings
from pipeline import names as seams
from pipeline.contracts import CONTRACTS


class Foundation:
    """Where events go to and what the protocol remembers, under one key."""

    key_arn: pulumi.Output[str]
    lake: Lake
    ledger: Ledger
    catalog: Catalog

    def __init__(self, settings: Settings, names: Names) -> None:
        """Make key, lake, ledger and catalog."""
        self._settings, self._names = settings, names
        self.key_arn = _encryption(settings, names).key_arn
        self.lake = Lake(
            "lake",
            LakeArgs(
                bucket=names.lake_bucket,
                key_arn=self.key_arn,
                hidden_days=settings.hidden_days,
                noncurrent_days=settings.noncurrent_days,
                retain=settings.retain_data,
                destroy=settings.destroys_data,
            ),
        )
        self.ledger = Ledger(
            "ledger",
            LedgerArgs(
                table=names.ledger_table,
                key_arn=self.key_arn,
                backup_days=settings.backup_days,
                retain=settings.retain_data,
                destroy=settings.destroys_data,
            ),
        )
        self.catalog = Catalog(
            "catalog",
            CatalogArgs(database=names.glue_database, bucket=self.lake.bucket, contracts=CONTRACTS),
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """What a client of the stack needs to know of it."""
        return {
            "region": self._names.region,
            "lake_bucket": self.lake.bucket,
            "lake_uri": pulumi.Output.concat(
                "s3://", self.lake.bucket, "/", seams.LAKE_PREFIX.rstrip("/")
            ),
            "ledger_table": self.ledger.table_name,
            "glue_database": self.catalog.database_name,
            "key_arn": self.key_arn,
        }

    def network(
        self,
        interfaces: Mapping[str, pulumi.Input[list[Statement]]],
        *,
        through_s3: Sequence[Statement] = (),
        signed_by_aws: Sequence[Statement] = (),
    ) -> Network:
        """Make a private network from which lake, ledger and `interfaces` are reached.

        `interfaces` say by service what may be done there, `through_s3` what else with S3;
        `signed_by_aws` what may be read of S3 for which a service of AWS signs.
        """
        names, settings = self._names, self._settings
        account = names.account
        return Network(
            "network",
            NetworkArgs(
                prefix=names.prefix,
                account=account,
                region=names.region,
                cidr=settings.network_cidr,
                zones=zones(settings.zones),
                gateways={
                    "s3": self.lake.bucket_arn.apply(
                        lambda arn: through_endpoint(
                            [*policies.use_lake(arn), *through_s3],
                            account=account,
                            signed_by_aws=signed_by_aws,
                        )
                    ),
                    "dynamodb": self.ledger.table_arn.apply(
                        lambda arn: through_endpoint(policies.use_ledger(arn), account=account)
                    ),
                },
                interfaces={
                    service: pulumi.Output.from_input(allowed).apply(
                        lambda known: through_endpoint(known, account=account)
                    )
                    for service, allowed in interfaces.items()
                },
            ),
        )


def _encryption(settings: Settings, names: Names) -> Encryption:
    return Encryption(
        "encryption",
        EncryptionArgs(
            alias=names.key_alias,
            account=names.account,
            region=names.region,
            deletion_days=settings.key_deletion_days,
            retain=settings.retain_data,
            budget_tells_topic=settings.budget_tells_topic,
        ),
    )
