"""Turns alarm rules into resources; decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import policies
from infra.alarm_rules import DIMENSIONS, Rule, Source


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What alarms are made from."""

    rules: Sequence[Rule]
    names: Mapping[str, str]
    """Physical names by rule id."""
    topic: str
    sources: Mapping[Source, pulumi.Input[str]]
    """The value of each source's dimension."""
    runbooks_url: str
    account: str
    key_arn: pulumi.Input[str]
    email: str | None


class Alarms(pulumi.ComponentResource):
    """A topic, and an alarm a rule that tells it when trouble comes and when it goes."""

    topic_arn: pulumi.Output[str]
    alarm_names: list[pulumi.Output[str]]

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make topic and alarms."""
        super().__init__("sluice:alarms:Alarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=args.topic, kms_master_key_id=args.key_arn, opts=child)
        aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=topic.arn.apply(lambda arn: policies.publish_alarms(arn, account=args.account)),
            opts=child,
        )
        if args.email is not None:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.email, opts=child
            )
        self.topic_arn = topic.arn
        self.alarm_names = [
            aws.cloudwatch.MetricAlarm(
                f"{name}-{rule.id}",
                name=args.names[rule.id],
                alarm_description=rule.description(args.runbooks_url),
                comparison_operator="GreaterThanThreshold",
                threshold=rule.threshold,
                evaluation_periods=rule.periods,
                datapoints_to_alarm=rule.periods_to_alarm,
                treat_missing_data=rule.missing,
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
                # Where silence is trouble, somebody is told of it as well.
                insufficient_data_actions=[topic.arn] if rule.missing == "missing" else None,
                opts=child,
                **_measured(rule, {DIMENSIONS[rule.source]: args.sources[rule.source]}),
            ).name
            for rule in args.rules
        ]
        self.register_outputs({"topic_arn": self.topic_arn, "alarm_names": self.alarm_names})


def _measured(rule: Rule, dimensions: Mapping[str, pulumi.Input[str]]) -> dict[str, Any]:
    """Return what a rule measures: one metric, or one as a percentage of another."""
    if not rule.share_of:
        return {
            "namespace": rule.namespace,
            "metric_name": rule.metric,
            "dimensions": dimensions,
            "statistic": rule.statistic,
            "period": rule.period_seconds,
        }
    parts = {"part": rule.metric, "whole": rule.share_of}
    return {
        "metric_queries": [
            {"id": "share", "expression": "100 * part / whole", "return_data": True},
            *(
                {
                    "id": query,
                    "return_data": False,
                    "metric": {
                        "namespace": rule.namespace,
                        "metric_name": metric,
                        "dimensions": dimensions,
                        "stat": rule.statistic,
                        "period": rule.period_seconds,
                    },
                }
                for query, metric in parts.items()
            ),
        ]
    }
