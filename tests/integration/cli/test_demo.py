"""The main job: one command tells the whole story and leaves nothing running."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.conftest import Cli, last_report, processes_of
from tests.waiting import until


def test_the_demo_accounts_for_every_event_after_poison_and_a_killed_worker(
    home: Path, cli: Cli
) -> None:
    done = cli(home, "demo", "--events", "12000", "--rate", "1000")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1}, done.stderr  # 1: a noisy machine missed a latency objective
    report = last_report(home / "demo")
    account = report["verdict"]["account"]
    assert report["validity"] == "valid"
    assert account["sent"] == account["acknowledged"] == 12_000
    assert account["stored"] == 12_000 - 3
    assert account["quarantined"] == account["quarantined_poison"] == 3
    assert account["rows"] == account["stored"]
    # The record that no parser can read holds no event of the load, and is in quarantine too.
    assert account["quarantine_rows"] == 4
    said = [happening["text"] for happening in report["facts"]["happenings"]]
    assert any(text.startswith("ALARM: quarantine-rate") for text in said[2:])
    assert "OK: quarantine-rate" in said[2:]
    assert "quarantine-rate" in [alarm["name"] for alarm in report["facts"]["alarms"]]
    assert "no parser can read" in said[0]
    assert "killed in the middle of a batch" in said[1]
    assert processes_of(home / "demo") == []


def test_its_queries_can_be_pasted_after_everything_has_stopped(home: Path, cli: Cli) -> None:
    lake = max((home / "demo" / "loads").iterdir()) / "lake"
    sql = "SELECT reason, count(*) AS n FROM quarantine GROUP BY ALL ORDER BY ALL"
    done = cli(home, "query", "--csv", "--lake", str(lake), sql)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split(",") for line in done.stdout.splitlines()[1:])
    # Three of the load and the one that no parser can read; the rest are of the last act.
    assert sum(map(int, counts.values())) > 4
    assert int(counts["not-utf8"]) == 1


def test_its_report_needs_nothing_but_a_browser(home: Path) -> None:
    page = next((home / "demo" / "loads").glob("*/report.html")).read_text()
    assert "<svg" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_ctrl_c_in_the_middle_leaves_nothing_running(home: Path) -> None:
    command = [sys.executable, "-m", "sluice", "--home", str(home), "demo", "--duration", "60"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    progress = home / "demo" / "loads"
    before = set(progress.iterdir())

    def under_way() -> bool:
        assert running.poll() is None
        return any((new / "progress").exists() for new in set(progress.iterdir()) - before)

    until(under_way, seconds_max=240)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=180)
    assert running.returncode == 130
    assert b"Traceback" not in said
    assert processes_of(home / "demo") == []
