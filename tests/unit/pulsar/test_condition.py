"""What the HTTP APIs of brokers and bookies say of a Pulsar, and what it means when they do not."""

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.pulsar.credentials import make_tls
from pipeline import metrics
from pipeline.errors import OperatingError, UserError
from pipeline.probe import Found, tried
from pipeline.sources import pulsar_admin
from pipeline.sources.pulsar_admin import HttpApi, NoAnswer
from pipeline.sources.pulsar_condition import NO_LEDGERS, PulsarCondition

TOPIC = "persistent://sluice/events/events"
BROKERS = "/admin/v2/brokers"
STATS = "/admin/v2/persistent/sluice/events/events/partitioned-stats?perPartition=true"
CLUSTER = "/api/v1/bookie/cluster_info"
LEDGERS = "/api/v1/autorecovery/list_under_replicated_ledger"
DISKS = "/api/v1/bookie/list_bookie_info"
NOBODY = "http://127.0.0.1:1"


@dataclass
class Api:
    """A server that answers as it is told, and notes by which token it was asked."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    hang_ups: int = 0
    url: str = ""

    def says(self, path: str, answer: Any, *, status: int = 200) -> None:
        self.answers[path] = (status, answer)


@pytest.fixture
def api() -> Iterator[Api]:
    yield from serve(Api(), None)


def serve(api: Api, context: ssl.SSLContext | None) -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if api.hang_ups:
                api.hang_ups -= 1
                self.close_connection = True
                return
            api.tokens.append(self.headers["Authorization"])
            status, answer = api.answers.get(self.path, (404, "HTTP 404 Not Found"))
            body = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    api.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield api
    server.shutdown()
    server.server_close()
    thread.join()


def condition(api: Api, **expected: int) -> PulsarCondition:
    one = HttpApi(url=api.url)
    return PulsarCondition(topic=TOPIC, admin=one, bookie=one, **expected)


def missing(found: Found) -> Any:
    return found.values.get(metrics.BROKERS_MISSING)


def bookies(*, writable: int, readonly: int = 0) -> dict[str, int]:
    return {"writableBookiesCount": writable, "readonlyBookiesCount": readonly}


def test_brokers_and_bookies_that_are_away_are_counted_together(api: Api) -> None:
    api.says(BROKERS, ["a:8443", "b:8443"])
    api.says(CLUSTER, bookies(writable=3, readonly=1))
    found = condition(api, brokers=3, bookies=6).missing()
    assert (missing(found), found.trouble) == (1 + 2, None)


def test_a_bookie_more_than_expected_makes_up_for_no_broker(api: Api) -> None:
    api.says(BROKERS, ["a:8443"])
    api.says(CLUSTER, bookies(writable=9))
    assert missing(condition(api, brokers=2, bookies=6).missing()) == 1


def test_what_nobody_expects_is_not_asked(api: Api) -> None:
    assert condition(api).missing() == Found()
    assert condition(api).backlog() == Found()
    nothing = PulsarCondition(topic=TOPIC, brokers=1, bookies=1, backlog_bytes_max=1)
    for part in (nothing.missing, nothing.under_replicated, nothing.disk, nothing.backlog):
        assert part() == Found()
    assert api.tokens == []


def test_where_nobody_answers_all_are_missing_and_the_other_kind_is_counted(api: Api) -> None:
    api.says(CLUSTER, bookies(writable=5))
    found = PulsarCondition(
        topic=TOPIC,
        admin=HttpApi(url=NOBODY),
        bookie=HttpApi(url=api.url),
        brokers=3,
        bookies=6,
    ).missing()
    assert missing(found) == 3 + 1
    assert f"no answer at {NOBODY}" in str(found.trouble)
    assert "\n" not in str(found.trouble)


def test_a_kind_that_is_withheld_is_not_counted_and_the_right_is_named(
    api: Api, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("t")
    page = "<html>\n<p>Unauthorized</p>\n</html>"
    api.says(BROKERS, page, status=401)
    api.says(CLUSTER, bookies(writable=5))
    both = PulsarCondition(
        topic=TOPIC,
        admin=HttpApi(url=api.url, token_file=token_file),
        bookie=HttpApi(url=api.url),
        brokers=3,
        bookies=6,
    )
    found = both.missing()
    assert missing(found) == 1
    assert f"401 <html> <p>Unauthorized</p> </html>; give the role of {token_file}" in str(
        found.trouble
    )
    alone = PulsarCondition(topic=TOPIC, admin=both.admin, brokers=3)
    assert alone.missing().values == {}


def test_brokers_that_answer_with_an_error_are_not_missing(api: Api) -> None:
    api.says(BROKERS, {"reason": "metadata store"}, status=500)
    found = condition(api, brokers=3).missing()
    assert found.values == {}
    assert "500" in str(found.trouble)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_where_only_who_stands_before_them_answers_all_are_missing(api: Api, status: int) -> None:
    api.says(CLUSTER, "the server does not answer", status=status)
    found = condition(api, bookies=6).missing()
    assert missing(found) == 6
    assert f"{status} the server does not answer" in str(found.trouble)


@pytest.mark.parametrize(
    ("status", "answer", "count"), [(200, [7, 8, 9], 3), (404, NO_LEDGERS, 0), (200, [], 0)]
)
def test_ledgers_that_lack_a_copy_are_counted(
    api: Api, status: int, answer: object, count: int
) -> None:
    api.says(LEDGERS, answer, status=status)
    assert condition(api).under_replicated().values == {metrics.UNDER_REPLICATED: count}


def test_a_bookie_that_cannot_list_ledgers_does_not_say_that_there_are_none(api: Api) -> None:
    api.says(LEDGERS, "Exception when get.", status=404)
    with pytest.raises(OperatingError, match="Exception when get"):
        condition(api).under_replicated()


def test_the_fullest_bookie_counts(api: Api) -> None:
    api.says(
        DISKS,
        {
            "bookie-1": ": {Free: 80(80B), Total: 100(100B)},",
            "bookie-2": ": {Free: 120000000000(120GB), Total: 1000000000000(1TB)},",
            "bookie-3": ": {Free: 0, Total: 0},",
            "ClusterInfo: ": "{Free: 1(1B), Total: 100(100B)}",
        },
    )
    assert condition(api).disk().values == {metrics.DISK_PERCENT: 88.0}


def test_no_bookie_that_tells_its_disk_is_no_figure(api: Api) -> None:
    api.says(DISKS, {"ClusterInfo: ": "{Free: 0, Total: 0}"})
    assert condition(api).disk() == Found()


def stats(**backlogs: int) -> dict[str, Any]:
    return {
        "backlogSize": sum(backlogs.values()),
        "partitions": {name: {"backlogSize": size} for name, size in backlogs.items()},
    }


@pytest.mark.parametrize(
    ("told", "percent"), [(stats(a=100, b=850, c=0), 85.0), (stats(), 0.0), (stats(a=1_200), 120.0)]
)
def test_the_fullest_partition_counts(api: Api, told: object, percent: float) -> None:
    api.says(STATS, told)
    found = condition(api, backlog_bytes_max=1_000).backlog()
    assert found.values == {metrics.BACKLOG_PERCENT: percent}


@pytest.mark.parametrize("answer", ["<html>", "{}", "[]", "null", '{"partitions": {"a": {}}}'])
def test_an_answer_of_another_shape_is_trouble_and_no_defect(api: Api, answer: str) -> None:
    for path in (STATS, CLUSTER):
        api.says(path, answer)
    asked = condition(api, bookies=1, backlog_bytes_max=1)
    for found in (tried(asked.backlog), asked.missing()):
        assert found.values == {}
        assert "says what we cannot read" in str(found.trouble)


def test_a_broker_that_hangs_up_is_asked_once_more(api: Api) -> None:
    api.says(BROKERS, ["a:8443"])
    api.hang_ups = 1
    assert missing(condition(api, brokers=1).missing()) == 0
    api.hang_ups = 2
    with pytest.raises(NoAnswer):
        HttpApi(url=api.url).get("admin/v2/brokers", len)


def test_a_proxy_of_the_machine_is_not_asked_for_what_is_beside_us(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.says(BROKERS, ["a:8443"])
    monkeypatch.setenv("http_proxy", NOBODY)
    assert HttpApi(url=api.url).get("admin/v2/brokers", len) == 1


def test_an_answer_without_end_is_not_read_to_its_end(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.says(BROKERS, ["a:8443"] * 1_000)
    monkeypatch.setattr(pulsar_admin, "ANSWER_BYTES_MAX", 1_000)
    with pytest.raises(OperatingError, match="says what we cannot read"):
        HttpApi(url=api.url).get("admin/v2/brokers", len)


def test_a_token_may_be_replaced_under_way(api: Api, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    asked = HttpApi(url=api.url, token_file=token_file)
    api.says(BROKERS, [])
    with pytest.raises(OperatingError, match="cannot read the token"):
        asked.get("admin/v2/brokers", len)
    for token in ("one", "two"):
        token_file.write_text(f"{token}\n")
        asked.get("admin/v2/brokers", len)
    assert api.tokens == ["Bearer one", "Bearer two"]


@pytest.fixture
def with_tls(tmp_path: Path) -> Iterator[tuple[Api, Path]]:
    made = make_tls(["127.0.0.1"], now=dt.datetime.now(dt.UTC))
    files = {name: tmp_path / name for name in ("ca", "certificate", "key")}
    for name, path in files.items():
        path.write_text(getattr(made, name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["certificate"], files["key"])
    for api in serve(Api(), context):
        yield api, files["ca"]


def test_a_certificate_that_we_trust_is_taken(with_tls: tuple[Api, Path]) -> None:
    api, ca_file = with_tls
    api.says(BROKERS, ["a", "b"])
    assert HttpApi(url=api.url, ca_file=ca_file).get("admin/v2/brokers", len) == 2


def test_brokers_whose_certificate_we_do_not_trust_are_not_missing(
    with_tls: tuple[Api, Path],
) -> None:
    api, _ = with_tls
    found = PulsarCondition(topic=TOPIC, admin=HttpApi(url=api.url), brokers=3).missing()
    assert found.values == {}
    assert "set ca_file to the authority that signed its certificate" in str(found.trouble)


def test_a_ca_file_without_certificates_is_a_persons_mistake(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(UserError, match=r"ca\.pem holds no certificates"):
        HttpApi(url="https://127.0.0.1:1", ca_file=path).get("admin/v2/brokers", len)
