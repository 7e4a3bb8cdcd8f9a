"""Secrets of a Pulsar cluster: empty at first, for no private key passes through Pulumi's state.

`python -m infra.pulsar_credentials` fills them, and fills them anew.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

KINDS: Final = {
    "brokers": "Certificate, key and tokens of the brokers",
    "worker": "Token of the workers, and whose certificates they trust",
    "watcher": "Token of the workers' watcher, and whose certificates it trusts",
    "producer": "Token of producers, and whose certificates they trust",
    "signing": "What signs tokens: no machine and no task may read it",
}
RECOVERY_DAYS: Final = 30


@dataclass(frozen=True, kw_only=True)
class PulsarSecretsArgs:
    """What the secrets are made from."""

    cluster: str
    key_arn: pulumi.Input[str]
    destroy: bool
    """Whether they go at once when the stack goes."""


class PulsarSecrets(pulumi.ComponentResource):
    """Secrets under the stack's key, each for those who read it."""

    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: PulsarSecretsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the secrets."""
        super().__init__("sluice:stream:PulsarSecrets", name, None, opts)
        self.arns = {
            kind: aws.secretsmanager.Secret(
                f"{name}-{kind}",
                name=f"{args.cluster}-{kind}",
                description=description,
                kms_key_id=args.key_arn,
                recovery_window_in_days=0 if args.destroy else RECOVERY_DAYS,
                opts=pulumi.ResourceOptions(parent=self),
            ).arn
            for kind, description in KINDS.items()
        }
        self.register_outputs({"arns": self.arns})
