"""How a Pulsar is: brokers and backlog by its admin API, copies and disks by a bookie's.

Brokers know which bookies there ever were, not which live, nor what became of copies: BookKeeper
tells that (its documentation, "BookKeeper Admin REST API").
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from pipeline import metrics
from pipeline.errors import OperatingError
from pipeline.probe import Found
from pipeline.sources.pulsar_admin import HttpApi, NoAnswer, Withheld

NO_LEDGERS: Final = "No under replicated ledgers found"
"""What a bookie says with status 404 when every ledger has its copies."""
SPACE: Final = re.compile(r"Free: (\d+)\D.*Total: (\d+)\D")
"""What it says of each bookie, in bytes, for people to read."""
DISKS_SECONDS: Final = 20.0
"""A bookie asks the others by a client that it makes for it, and takes ten seconds to close."""
ALL_BOOKIES: Final = "ClusterInfo"


@dataclass(frozen=True, kw_only=True)
class PulsarCondition:
    """Asks what there should be; an API that is None is not asked, nor is what nobody expects."""

    topic: str
    admin: HttpApi | None = None
    bookie: HttpApi | None = None
    brokers: int | None = None
    bookies: int | None = None
    backlog_bytes_max: int | None = None

    def missing(self) -> Found:
        """Find how many brokers and bookies are away: all of them where none answers.

        A kind that is withheld from us is not counted, and is the trouble.
        """
        missing: list[int] = []
        troubles: list[OperatingError] = []
        asked = ((self.admin, self.brokers, _brokers), (self.bookie, self.bookies, _bookies))
        for api, expected, there in asked:
            if api is None or expected is None:
                continue
            try:
                missing.append(max(0, expected - there(api)))
            except NoAnswer as trouble:
                missing.append(expected)
                troubles.append(trouble)
            except OperatingError as trouble:
                troubles.append(trouble)
        return Found(
            values={metrics.BROKERS_MISSING: sum(missing)} if missing else {},
            trouble=next(iter(troubles), None),
        )

    def under_replicated(self) -> Found:
        """Find how many ledgers lack a copy, as BookKeeper's auditor noted. Raises OperatingError.

        It notes them once a bookie has been away for its `lostBookieRecoveryDelay`.
        """
        if self.bookie is None:
            return Found()
        try:
            ledgers = self.bookie.get("api/v1/autorecovery/list_under_replicated_ledger", len)
        except Withheld as said:
            if NO_LEDGERS not in str(said):
                raise
            ledgers = 0
        return Found(values={metrics.UNDER_REPLICATED: ledgers})

    def disk(self) -> Found:
        """Find how full the fullest bookie's disks are, in percent. Raises OperatingError."""
        if self.bookie is None:
            return Found()
        patient = replace(self.bookie, seconds_max=max(DISKS_SECONDS, self.bookie.seconds_max))
        used = patient.get("api/v1/bookie/list_bookie_info", _used)
        return Found(values={metrics.DISK_PERCENT: round(max(used), 1)} if used else {})

    def backlog(self) -> Found:
        """Find the fullest partition's backlog, in percent of its quota. Raises OperatingError."""
        if self.admin is None or self.backlog_bytes_max is None:
            return Found()
        path = self.topic.replace("://", "/")
        bytes_max = self.admin.get(
            f"admin/v2/{path}/partitioned-stats?perPartition=true", _backlog_bytes_max
        )
        percent = 100 * bytes_max / self.backlog_bytes_max
        return Found(values={metrics.BACKLOG_PERCENT: round(percent, 1)})


def _brokers(admin: HttpApi) -> int:
    return admin.get("admin/v2/brokers", len)


def _bookies(bookie: HttpApi) -> int:
    """Return how many there are, those among them that only read: a full disk is another matter."""
    return bookie.get(
        "api/v1/bookie/cluster_info",
        lambda told: int(told["writableBookiesCount"]) + int(told["readonlyBookiesCount"]),
    )


def _used(told: Any) -> list[float]:
    """Return how full each bookie's disks are, in percent."""
    found = [SPACE.search(said) for bookie, said in told.items() if ALL_BOOKIES not in bookie]
    spaces = [(int(each[1]), int(each[2])) for each in found if each is not None]
    return [100 * (1 - free / total) for free, total in spaces if total]


def _backlog_bytes_max(told: Any) -> int:
    """Return the largest backlog of a partition; one that nobody used yet has none."""
    return max((int(each["backlogSize"]) for each in told["partitions"].values()), default=0)
