"""The report is one page that needs nothing but itself, and says what the verdict says."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadtests.latency import Latency
from loadtests.objectives import Evaluation, evaluate, read_objectives
from loadtests.report import Facts, read_facts, write_report
from pipeline.audit.verdict import Verdict
from pipeline.errors import UserError

VOID = {"meta"}
Judge = Callable[[Verdict, Latency | None], Evaluation]


@pytest.fixture
def judge(facts: Facts) -> Judge:
    return lambda verdict, latency: evaluate(
        read_objectives(), verdict, latency, planned_rate=facts.planned_rate
    )


class Page(HTMLParser):
    """Checks that every element is closed in turn, and keeps the text and the attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def written(folder: Path, *parts: object) -> Page:
    paths = write_report(folder, *parts)  # type: ignore[arg-type]
    page = Page(paths.html.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def test_the_page_says_valid_and_shows_every_part(
    tmp_path: Path, valid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    text = written(tmp_path, valid, latency, judge(valid, latency), facts).text
    for said in (
        "Every event is accounted for, exactly once.",
        "120,000 sent = 119,996 stored + 4 quarantined",
        "Throughput over time",
        "Latency over time",
        "Distribution of latency",
        "25 s: worker killed",
        "wrong-type",
        "7.9 MB",
        "2 cores, 24 GiB, Linux x86_64, Python 3.11.7",
        "objective for p99: 15 s",
    ):
        assert said in text
    assert "Where it broke" not in text


def test_the_page_names_what_is_broken_and_where(
    tmp_path: Path, invalid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    page = written(tmp_path, invalid, latency, judge(invalid, latency), facts)
    assert "Promises are broken: 3 lost, 1 duplicated." in page.text
    assert "hour=13/shardId-000000000001-4964012.parquet" in page.text
    assert "20261124-130500-departures-0-<b>77</b>" in page.text


def test_the_page_of_an_unknown_verdict_says_why(
    tmp_path: Path, facts: Facts, judge: Judge
) -> None:
    unknown = Verdict.unknown(facts.run, "history file web-0-1.parquet is missing")
    text = written(tmp_path, unknown, None, judge(unknown, None), facts).text
    assert "Nobody can say whether every event arrived." in text
    assert "Unknown because: history file web-0-1.parquet is missing" in text
    assert "Latency could not be measured" in text
    assert "No account could be made." in text
    assert "0 acknowledged" not in text


def test_the_page_asks_the_network_for_nothing(
    tmp_path: Path, invalid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    page = written(tmp_path, invalid, latency, judge(invalid, latency), facts)
    loading = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}
    assert [each for each in page.attributes if each[1] in loading] == []
    assert not re.search(r"url\(|@import|https?:", "".join(page.texts))


def test_every_chart_has_a_name_for_those_who_do_not_see_it(
    tmp_path: Path, valid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    paths = write_report(tmp_path, valid, latency, judge(valid, latency), facts)
    html = paths.html.read_text(encoding="utf-8")
    charts = re.findall(r"<svg[^>]*>", html)
    assert len(charts) == 6
    assert all('role="img"' in chart for chart in charts)
    assert len(re.findall(r"<svg[^>]*><title>[^<]+</title>", html)) == 6


def test_the_document_for_machines_holds_the_same(
    tmp_path: Path, invalid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    paths = write_report(tmp_path, invalid, latency, judge(invalid, latency), facts)
    document = json.loads(paths.json.read_text(encoding="utf-8"))
    assert (document["validity"], document["exit_code"]) == ("invalid", 1)
    assert document["verdict"]["account"]["lost"] == 3
    assert document["latency"]["overall"]["p99_ms"] == latency.overall.p99_ms  # type: ignore[union-attr]
    assert document["facts"]["planned_rate"] == 2_000
    assert document["objectives"]["outcome"] == "not met"


def test_no_half_written_report_is_left(
    tmp_path: Path, valid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    write_report(tmp_path, valid, latency, judge(valid, latency), facts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_run_of_a_single_moment_can_be_drawn(
    tmp_path: Path, valid: Verdict, latency: Latency, facts: Facts, judge: Judge
) -> None:
    short = replace(latency, slices=latency.slices[:1])
    written(tmp_path, valid, short, judge(valid, short), facts)
    written(tmp_path, valid, replace(latency, slices=(), overall=None), judge(valid, None), facts)


def test_facts_come_from_the_load(tmp_path: Path) -> None:
    load = {
        "run": "r1",
        "stream": "events",
        "shape": "ramp",
        "rate": 100.0,
        "seconds": 10.0,
        "events": 550,
        "started_us": 1_790_000_000_000_000,
        "ended_us": None,
    }
    (tmp_path / "load.json").write_text(json.dumps(load))
    facts = read_facts(tmp_path, stack="local", tables={})
    assert (facts.run, facts.planned_rate, facts.ended_ms) == ("r1", 55.0, None)
    assert facts.started == "2026-09-21 14:13:20 UTC"
    assert "cores" in facts.machine


def test_a_folder_without_a_load_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no load\.json"):
        read_facts(tmp_path, stack="local", tables={})
    (tmp_path / "load.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        read_facts(tmp_path, stack="local", tables={})
