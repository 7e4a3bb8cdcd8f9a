"""The report of a load test: verdict, account, throughput, latency and objectives."""

from loadtests.report.facts import AlarmSpan, Facts, Happening, read_facts
from loadtests.report.write import ReportPaths, write_report

__all__ = ["AlarmSpan", "Facts", "Happening", "ReportPaths", "read_facts", "write_report"]
