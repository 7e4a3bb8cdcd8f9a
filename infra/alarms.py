"""Turns alarm rules and composites into resources; decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import policies
from infra.alarm_rule import DIMENSIONS, Rule, Series, Source
from infra.composites import Composite


@dataclass(frozen=True, kw_only=True)
class TopicArgs:
    """One topic, and whom it writes to besides its other subscribers."""

    topic: str
    email: str | None
    budget_tells: bool = False
    """Whether a budget publishes here too."""


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What alarms are made from."""

    rules: Sequence[Rule]
    composites: Sequence[Composite]
    names: Mapping[str, str]
    """Physical names by the names of rules and ids of composites."""
    alarms: TopicArgs
    """Where single alarms are told."""
    pages: TopicArgs
    """Where composites are told: one message an incident."""
    sources: Mapping[Source, pulumi.Input[str]]
    """The value of each source's dimension."""
    runbooks_url: str
    account: str
    key_arn: pulumi.Input[str]


class Alarms(pulumi.ComponentResource):
    """Two topics, an alarm a rule and one a composite; each tells of trouble and of its end."""

    topic_arn: pulumi.Output[str]
    pages_topic_arn: pulumi.Output[str]
    alarm_names: list[pulumi.Output[str]]
    """Single alarms, then composites."""
    alarm_arns: list[pulumi.Output[str]]
    """The same, composites first."""

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make topics, alarms and composites."""
        super().__init__("sluice:alarms:Alarms", name, None, opts)
        topic = self._topic(name, args.alarms, args)
        pages = self._topic(f"{name}-pages", args.pages, args)
        single = {rule.name: self._alarm(name, rule, topic.arn, args) for rule in args.rules}
        composite = [
            self._composite(name, made, single, pages.arn, args) for made in args.composites
        ]
        self.topic_arn = topic.arn
        self.pages_topic_arn = pages.arn
        self.alarm_names = [
            *(alarm.name for alarm in single.values()),
            *(alarm.alarm_name for alarm in composite),
        ]
        self.alarm_arns = [
            *(alarm.arn for alarm in composite),
            *(alarm.arn for alarm in single.values()),
        ]
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "pages_topic_arn": self.pages_topic_arn,
                "alarm_names": self.alarm_names,
                "alarm_arns": self.alarm_arns,
            }
        )

    def _topic(self, name: str, topic_args: TopicArgs, args: AlarmsArgs) -> aws.sns.Topic:
        """Make an encrypted topic that this account's alarms may publish to."""
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            name, name=topic_args.topic, kms_master_key_id=args.key_arn, opts=child
        )
        aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=topic.arn.apply(
                lambda arn: policies.publish_alarms(
                    arn, account=args.account, with_budget=topic_args.budget_tells
                )
            ),
            opts=child,
        )
        if topic_args.email is not None:
            aws.sns.TopicSubscription(
                f"{name}-email",
                topic=topic.arn,
                protocol="email",
                # A person's address: encrypted in the state, hidden in what is printed.
                endpoint=pulumi.Output.secret(topic_args.email),
                opts=child,
            )
        return topic

    def _alarm(
        self, name: str, rule: Rule, topic_arn: pulumi.Output[str], args: AlarmsArgs
    ) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            f"{name}-{rule.name}",
            name=args.names[rule.name],
            alarm_description=rule.description(args.runbooks_url),
            comparison_operator=rule.comparison,
            threshold=rule.threshold,
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods_to_alarm,
            treat_missing_data=rule.missing,
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            # Where silence is trouble, somebody is told of it as well.
            insufficient_data_actions=[topic_arn] if rule.silence_tells else None,
            opts=pulumi.ResourceOptions(parent=self),
            **_measured(rule, args.sources),
        )

    def _composite(
        self,
        name: str,
        composite: Composite,
        single: Mapping[str, aws.cloudwatch.MetricAlarm],
        topic_arn: pulumi.Output[str],
        args: AlarmsArgs,
    ) -> aws.cloudwatch.CompositeAlarm:
        # Made from the alarms' own names, so that they are there before it and go after it.
        members = pulumi.Output.all(**{member: single[member].name for member in composite.members})
        return aws.cloudwatch.CompositeAlarm(
            f"{name}-{composite.id}",
            alarm_name=args.names[composite.id],
            alarm_description=composite.description(args.runbooks_url),
            alarm_rule=members.apply(composite.rule),
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _measured(rule: Rule, sources: Mapping[Source, pulumi.Input[str]]) -> dict[str, Any]:
    """Return what a rule measures: its one series, or an expression over several."""
    if not rule.expression:
        (series,) = rule.series.values()
        return {
            "namespace": series.namespace,
            "metric_name": series.metric,
            "dimensions": _dimensions(series, sources),
            "statistic": series.statistic,
            "period": rule.period_seconds,
        }
    return {
        "metric_queries": [
            {"id": "measured", "expression": rule.expression, "return_data": True},
            *(
                {
                    "id": query,
                    "return_data": False,
                    "metric": {
                        "namespace": series.namespace,
                        "metric_name": series.metric,
                        "dimensions": _dimensions(series, sources),
                        "stat": series.statistic,
                        "period": rule.period_seconds,
                    },
                }
                for query, series in rule.series.items()
            ),
        ]
    }


def _dimensions(
    series: Series, sources: Mapping[Source, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]]:
    return {DIMENSIONS[series.source]: sources[series.source], **dict(series.beside)}
