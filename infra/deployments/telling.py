"""Who is told of a stack, and where it is looked at: alarms, budget and dashboard."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra.alarm_rule import Rule, Source
from infra.alarms import Alarms, AlarmsArgs, TopicArgs
from infra.budget import Budget, BudgetArgs
from infra.composites import composites
from infra.dashboard import Dashboard, DashboardArgs
from infra.naming import Names
from infra.settings import Settings
from infra.widget import Panel


class Telling:
    """The alarms of a stack with their pages, its budget if it has one, and its dashboard."""

    def __init__(
        self,
        settings: Settings,
        names: Names,
        key_arn: pulumi.Input[str],
        *,
        rules: Sequence[Rule],
        sources: Mapping[Source, pulumi.Input[str]],
        panels: Sequence[Panel],
    ) -> None:
        """Make all of it; `sources` are the values of the dimensions that rules and panels name."""
        self._settings, self._names = settings, names
        self._alarms = self._make_alarms(key_arn, rules, sources)
        self._rules = [rule.name for rule in rules]
        if settings.budget_usd is not None:
            self._make_budget(settings.budget_usd)
        self._dashboard = Dashboard(
            "dashboard",
            DashboardArgs(
                dashboard=names.dashboard,
                region=names.region,
                alarm_arns=self._alarms.alarm_arns,
                panels=panels,
                sources=sources,
            ),
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """What a client needs to know: alarms, topics and dashboard by name."""
        return {
            "alarms": self._alarms.alarm_names,
            "topic_arn": self._alarms.topic_arn,
            "pages_topic_arn": self._alarms.pages_topic_arn,
            "dashboard": self._dashboard.dashboard_name,
        }

    def alarm(self, rule: str) -> pulumi.Output[str]:
        """Return the name of a rule's alarm, once it is there."""
        return self._alarms.alarm_names[self._rules.index(rule)]

    def _make_alarms(
        self,
        key_arn: pulumi.Input[str],
        rules: Sequence[Rule],
        sources: Mapping[Source, pulumi.Input[str]],
    ) -> Alarms:
        settings, names = self._settings, self._names
        pages = [page for page in composites(rules) if page.members]
        ids = (*(rule.name for rule in rules), *(page.id for page in pages))
        return Alarms(
            "alarms",
            AlarmsArgs(
                rules=rules,
                composites=pages,
                names={identifier: names.alarm(identifier) for identifier in ids},
                alarms=TopicArgs(
                    topic=names.topic,
                    email=settings.alarm_email,
                    budget_tells=settings.budget_tells_topic,
                ),
                pages=TopicArgs(topic=names.pages_topic, email=settings.page_email),
                sources=sources,
                runbooks_url=settings.runbooks_url,
                account=names.account,
                key_arn=key_arn,
            ),
        )

    def _make_budget(self, usd: float) -> None:
        settings, names = self._settings, self._names
        Budget(
            "budget",
            BudgetArgs(
                budget=names.budget,
                account=names.account,
                usd=usd,
                email=settings.budget_email,
                topic_arn=self._alarms.topic_arn if settings.budget_tells_topic else None,
            ),
            # Budgets tries the topic's policy before it takes the topic.
            pulumi.ResourceOptions(depends_on=[self._alarms]),
        )
