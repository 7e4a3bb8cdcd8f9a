"""Ledgers in S3: a broker set up as the cluster's is moves them there, and they are read from it.

The offloader is the one of the archive that the cluster's machines unpack, and S3 the embedded one.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.brokers import artifacts
from infra.local.brokers.pulsar import LocalPulsar
from infra.local.supervisor import LocalAws
from infra.pulsar.layout import Layout
from infra.pulsar.offload import Offload
from pipeline.sources.pulsar import PulsarSource
from tests.brokers import own_pulsar, require
from tests.embedded_aws import client
from tests.integration.pulsar.conftest import make_topic
from tests.integration.pulsar.topics import Topic, numbered
from tests.waiting import until

__all__ = ["client"]

BUCKET = "offloaded"
LEDGER_ENTRIES = 50
QUICK = {
    "managedLedgerMaxEntriesPerLedger": LEDGER_ENTRIES,
    "managedLedgerMinLedgerRolloverTimeMinutes": 0,
    "managedLedgerOffloadDeletionLagMs": 0,
}
"""Ledgers are short, and a bookie's copy goes when S3 has one, not four hours later."""


@pytest.fixture
def offloaders(tmp_path: Path) -> str:
    """A folder as the cluster's archive has it: Maven Central's name for the same bytes is .jar."""
    require("pulsar-offloader")
    (jar,) = artifacts.folder_of("pulsar-offloader").glob("tiered-storage-jcloud-*.jar")
    folder = tmp_path / "offloaders"
    folder.mkdir()
    (folder / f"{jar.stem}.nar").symlink_to(jar)
    return str(folder)


@pytest.fixture
def offloading(
    aws: LocalAws, offloaders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Topic]:
    """A topic whose closed ledgers all go to S3. The keys stand for the machines' own role."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.secret_access_key)
    offload = Offload(bucket=BUCKET, region=aws.region, threshold_bytes=0, endpoint=aws.endpoint)
    monkeypatch.setattr(LocalPulsar, "options", (*LocalPulsar.options, *offload.options))
    config = {**offload.values(Layout(offloaders=offloaders)), **QUICK}
    with own_pulsar(tmp_path / "pulsar", config=config) as broker:
        topic = make_topic(broker, partitions=1)
        yield topic
        topic.close()


def ledger_of(topic: Topic, number: int) -> Mapping[str, Any]:
    stats = topic.ask("GET", "internalStats?metadata=true")
    assert isinstance(stats, dict)
    (found,) = (each for each in stats["ledgers"] if each["ledgerId"] == number)
    return found


def test_a_closed_ledger_goes_to_s3_and_is_read_from_there_once_no_bookie_has_it(
    offloading: Topic,
    client: Callable[[str], Any],
    source: Callable[[Topic], PulsarSource],
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    sent = numbered(0, LEDGER_ENTRIES + 1)
    offloading.send(*sent)
    first = offloading.ledgers()[0]
    until(lambda: ledger_of(offloading, first)["offloaded"])
    kept = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert any(f"-ledger-{first}" in each["Key"] for each in kept)

    def gone_from_the_bookie() -> bool:
        offloading.trim()
        return not ledger_of(offloading, first).get("metadata")

    until(gone_from_the_bookie)
    found = source(offloading).read_after(
        offloading.shard(0), after=None, origin=None, records_max=100
    )
    assert [record.data for record in found.records] == sent
