"""The key that encrypts everything the stack stores."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import policies


@dataclass(frozen=True, kw_only=True)
class EncryptionArgs:
    """What a key is made from."""

    alias: str
    """In KMS's own form, `alias/...`."""
    account: str
    region: str
    deletion_days: int
    """How long a deleted key can be called back."""
    retain: bool
    """Whether the key refuses to be destroyed."""
    budget_tells_topic: bool = False
    """Whether a budget publishes to a topic that the key encrypts."""


class Encryption(pulumi.ComponentResource):
    """One customer-managed key, rotated yearly, under an alias."""

    key_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make key and alias."""
        super().__init__("sluice:encryption:Encryption", name, None, opts)
        key = aws.kms.Key(
            name,
            description=f"Everything that {args.alias.removeprefix('alias/')} stores",
            deletion_window_in_days=args.deletion_days,
            enable_key_rotation=True,
            policy=policies.key_policy(
                account=args.account, region=args.region, with_budget=args.budget_tells_topic
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=args.alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key_arn = key.arn
        self.register_outputs({"key_arn": self.key_arn})
