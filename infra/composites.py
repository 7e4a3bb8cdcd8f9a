"""Which alarms are one incident: composite alarms, so that it pages once. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from infra.alarm_rule import Page, Rule, runbook


@dataclass(frozen=True, kw_only=True)
class Composite:
    """One page: on while any of its `members`, rules by their ids, is in ALARM."""

    id: Page
    summary: str
    members: tuple[str, ...]

    def rule(self, names: Mapping[str, str]) -> str:
        """Return the alarm rule over the members' physical names, by rule id.

        Only ALARM counts: a member that never had data is no incident (CloudWatch user guide,
        "Creating a composite alarm").
        """
        return " OR ".join(f'ALARM("{names[member]}")' for member in self.members)

    def description(self, base: str) -> str:
        """Return what whoever is paged reads first."""
        alarms = ", ".join(self.members)
        return f"{self.summary} On while any of: {alarms}. Runbook: {runbook(base, self.id)}"


SUMMARIES: Final[Mapping[Page, str]] = {
    "lake-is-late": "Events reach the lake later than promised, or nobody can tell.",
    "data-at-risk": "Events are lost, doubled or altered, or are about to be.",
}


def composites(rules: Sequence[Rule]) -> tuple[Composite, ...]:
    """Return the pages of a stack: each rule says for itself which one it belongs to."""
    return tuple(
        Composite(
            id=page,
            summary=summary,
            members=tuple(rule.name for rule in rules if rule.page == page),
        )
        for page, summary in SUMMARIES.items()
    )
