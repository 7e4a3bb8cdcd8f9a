"""docs/alarms.md: every alarm of every composition, when it fires, and why there."""

from collections.abc import Mapping, Sequence
from typing import Final

from infra.alarm_rule import DIMENSIONS, SAID, SCHEDULED, Rule, Series
from infra.alarm_rules import rules
from infra.alarm_rules_worker import worker_rules
from infra.composites import Composite, composites
from infra.settings import Settings
from infra.watched_topic import topic_of

DOCUMENTED: Final[Mapping[str, Settings]] = {
    "Kinesis": Settings(quiet_minutes=30),
    "Kafka": Settings(stream="kafka", quiet_minutes=30),
    "Pulsar": Settings(stream="pulsar", quiet_minutes=30, pulsar_backlog_gb_max=50),
}
"""Default settings on each stream, and the alarms switched on that a stack has only if it asks for
them."""

INTRO: Final = """# Alarms

Every alarm of a stack at its default settings, in the order in which one wants to hear of them; a
stack has those of its own stream. Each tells when trouble comes and when it goes, and its
description links its runbook. The rules are data (`infra/alarm_rules.py` on Kinesis,
`infra/alarm_rules_worker.py` on Kafka and Pulsar, `infra/composites.py`); `infra/alarms.py` makes
resources of them.

## Who hears what

- `<project>-<stack>-pages` gets the composites below: one message an incident, however many alarms
  it trips. For whoever is on call: `page_email`, or a pager's subscription.
- `<project>-<stack>-alarms` gets every single alarm, and silence where silence is trouble. For the
  team in working hours: `alarm_email`, or a chat room's subscription.

An alarm that belongs to a composite is that page's cause: who was paged reads it on the dashboard
or in the other topic. One that belongs to none can wait for the morning. A first deploy tells
nobody: a new alarm has no data, and none is built so that missing data alone breach it. Only the
first start of a Pulsar of the stack's own may: workers and watcher run before its brokers do, and
say so.

## What there is to measure

On Kinesis the probe, the auditor and AWS's own metrics. On Kafka and Pulsar the watcher
(`python -m pipeline.watcher`), which is to a topic what the probe is to Kinesis and asks the
brokers besides, and the workers themselves. Nothing is watched that nobody could tell of:

- MSK Serverless shows no brokers: a stack on it has none of broker-down, under-replicated and
  broker-disk.
- A cluster that is given has broker-down where `broker_count` or `pulsar_bookie_count` say how many
  there should be; a given Pulsar where `pulsar_admin_url` and `pulsar_bookie_url` say whom to ask.
  By the first alone there is backlog-near-quota, by the second under-replicated and broker-disk.
- backlog-near-quota is there where `pulsar_backlog_gb_max` sets a quota. What is capped is the
  backlog: the cap on unacknowledged messages is one of Shared subscriptions, and the workers' are
  Failover (Pulsar documentation, "Subscription types").
- broker-certificate is there where a Pulsar's clients come by TLS: to the stack's own, and to one
  that is given whose `service_url` begins with `pulsar+ssl`. MSK renews its certificates itself.
- An alarm's expression takes ten metrics: with more brokers of MSK, broker-disk-2 and broker-disk-3
  stand beside broker-disk, ten brokers each, with its runbook.
"""


def alarms_page() -> str:
    """Return the page below its first line."""
    made = documented_rules()
    pages = {stream: composites(chosen) for stream, chosen in made.items()}
    ids = dict.fromkeys(page.id for each in pages.values() for page in each)
    return "\n".join(
        [
            INTRO,
            *(_page({s: p for s, each in pages.items() for p in each if p.id == i}) for i in ids),
            *(_alarm(variants) for variants in _by_id(made).values()),
        ]
    )


def documented_rules() -> dict[str, tuple[Rule, ...]]:
    """Return the rules of a stack on each stream."""
    return {
        stream: rules(settings.objectives)
        if settings.stream == "kinesis"
        else worker_rules(settings.objectives, topic_of(settings))
        for stream, settings in DOCUMENTED.items()
    }


def alarm_ids() -> frozenset[str]:
    """Return the id of every alarm that a stack may have, composites too: each has a runbook."""
    made = documented_rules().values()
    alarms = {rule.id for chosen in made for rule in chosen}
    return frozenset(alarms | {page.id for chosen in made for page in composites(chosen)})


Variants = list[tuple[Rule, list[str]]]
"""The rules of one id, each with the streams on which it is so."""


def _by_id(made: Mapping[str, Sequence[Rule]]) -> dict[str, Variants]:
    found: dict[str, Variants] = {}
    for stream, chosen in made.items():
        for rule in chosen:
            variants = found.setdefault(rule.id, [])
            same = [streams for known, streams in variants if known == rule]
            if same:
                same[0].append(stream)
            else:
                variants.append((rule, [stream]))
    return found


def _page(of: Mapping[str, Composite]) -> str:
    """Return one composite's section: of what it is made on each stream."""
    any_of_them = next(iter(of.values()))
    made = [
        f"- **On {stream}** it pages while any of these is in ALARM: "
        + ", ".join(f"[{member}](#{member})" for member in page.members)
        for stream, page in of.items()
    ]
    return "\n".join([_heading(any_of_them.id, any_of_them.summary), *made, ""])


def _alarm(variants: Variants) -> str:
    """Return one alarm's section; its heading is its id, as its runbook's is."""
    rule = variants[0][0]
    heard = f"pages as [{rule.page}](#{rule.page})" if rule.page else "notice"
    lines = [_heading(rule.id, rule.summary), f"- **Severity** {heard}"]
    if len(variants) == 1:
        lines += [f"- **On** {_listed(variants[0][1])}", *_told(rule)]
    for variant, streams in variants if len(variants) > 1 else ():
        lines += ["", f"On {_listed(streams)}:", "", *_told(variant)]
    return "\n".join([*lines, ""])


def _heading(identifier: str, summary: str) -> str:
    link = f"[{identifier}](../runbooks/{identifier}.md)"
    return f"## {identifier}\n\n{summary} Runbook: {link}.\n"


def _listed(streams: Sequence[str]) -> str:
    *first, last = streams
    return f"{', '.join(first)} and {last}" if first else last


def _told(rule: Rule) -> list[str]:
    every = f"{rule.periods_to_alarm} of {rule.periods} periods of {rule.period_seconds} s"
    return [
        f"- **Measures** {_measured(rule)}",
        f"- **Fires** {SAID[rule.comparison]} {rule.threshold:,.12g} {rule.unit}, in {every}",
        f"- **Because** {rule.threshold_reason}",
        f"- **Silence** is `{rule.missing}`: {rule.missing_reason}",
    ]


def _measured(rule: Rule) -> str:
    """Return what a rule measures, in words: one series, or an expression and its series."""
    if not rule.expression:
        (series,) = rule.series.values()
        return _series(series)
    named = "; ".join(f"`{name}` is {_series(series)}" for name, series in rule.series.items())
    return f"`{rule.expression}`, where {named}"


def _series(series: Series) -> str:
    whose = f"`{DIMENSIONS[series.source]}`"
    if series.source in SCHEDULED:
        whose += f" of the {series.source}"
    beside = "".join(f" and `{name}` {value}" for name, value in series.beside)
    return f"{series.statistic} of `{series.metric}` in `{series.namespace}`, by {whose}{beside}"
