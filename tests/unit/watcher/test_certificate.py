"""How long the brokers' certificate is good, as a client by TLS sees it."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infra.pulsar.credentials import make_tls
from pipeline import metrics
from pipeline.environment import WatcherSettings
from pipeline.errors import OperatingError
from pipeline.sources.connections import PulsarConnection
from pipeline.watcher.certificate import certificate_of
from pipeline.watcher.settings import Watched
from pipeline.watcher.wiring import condition_of
from tests.unit.pulsar.test_condition import Api, serve

NOW = dt.datetime.now(dt.UTC)
NOW_MS = round(NOW.timestamp() * 1000)
AUTHORITIES = "authorities.pem"
Shows = Callable[..., str]


@pytest.fixture
def shows(tmp_path: Path) -> Iterator[Shows]:
    """Start a broker that shows a certificate ending in so many days; return host and port."""
    with ExitStack() as stack:

        def started(days: int, *, trusted: bool = True) -> str:
            made = make_tls(["broker"], now=NOW - dt.timedelta(days=400), days=days + 400)
            for name in ("certificate", "key"):
                (tmp_path / name).write_text(getattr(made, name))
            with (tmp_path / AUTHORITIES).open("a") as authorities:
                authorities.write(made.ca if trusted else "")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
            served = stack.enter_context(contextmanager(serve)(Api(), context))
            return served.url.removeprefix("https://")

        yield started


def days_left(folder: Path, *addresses: str) -> float:
    connection = by_tls(*addresses, ca_file=folder / AUTHORITIES)
    certificate = certificate_of(connection, lambda: NOW_MS)
    assert certificate is not None
    found = certificate.found().values[metrics.CERTIFICATE_DAYS]
    assert isinstance(found, float)
    return found


def by_tls(*addresses: str, ca_file: Path | None = None) -> PulsarConnection:
    return PulsarConnection(
        service_url=f"pulsar+ssl://{','.join(addresses)}",
        topic="persistent://a/b/c",
        ca_file=ca_file,
    )


def test_days_are_told_of_the_certificate_that_clients_see(shows: Shows, tmp_path: Path) -> None:
    assert days_left(tmp_path, shows(29)) == 29.0


def test_of_several_brokers_the_one_that_ends_first_counts(shows: Shows, tmp_path: Path) -> None:
    assert days_left(tmp_path, shows(90), shows(12), shows(300)) == 12.0


def test_one_that_has_ended_has_none_left(shows: Shows, tmp_path: Path) -> None:
    assert days_left(tmp_path, shows(-1)) == 0.0


def test_what_we_do_not_trust_is_trouble_and_no_figure(shows: Shows, tmp_path: Path) -> None:
    with pytest.raises(
        OperatingError, match=r"127\.0\.0\.1:\d+ shows no certificate that we trust"
    ):
        days_left(tmp_path, shows(29), shows(29, trusted=False))


def test_where_nobody_answers_there_is_no_figure(tmp_path: Path, shows: Shows) -> None:
    shows(29)
    with pytest.raises(OperatingError, match=r"127\.0\.0\.1:1 shows no certificate"):
        days_left(tmp_path, "127.0.0.1:1")


def test_a_url_may_name_no_port_and_several_brokers() -> None:
    found = certificate_of(by_tls("a", "b:7000", "[::1]:7001", "[::1]"), lambda: 0)
    assert found is not None
    assert found.addresses == (("a", 6651), ("b", 7000), ("::1", 7001), ("::1", 6651))


@pytest.mark.parametrize(("url", "asked"), [("pulsar://b:6650", False), ("pulsar+ssl://b", True)])
def test_a_watcher_asks_where_clients_come_by_tls(url: str, asked: bool) -> None:
    settings = WatcherSettings(
        connection=PulsarConnection(service_url=url, topic="persistent://a/b/c"),
        ledger_table="none",
        lake_bucket="none",
        watched=Watched(),
    )
    assert ("certificate" in condition_of(settings.connection, settings)) is asked
