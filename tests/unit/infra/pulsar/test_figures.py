"""What a machine tells the watcher, over real connections: a few figures, to whoever is let in."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.pulsar.bookie import BookieNode
from infra.pulsar.cluster import Cluster, Jvm
from infra.pulsar.credentials import make_tls
from infra.pulsar.figures import BOOKIE_PATHS, of_bookies, of_brokers
from infra.pulsar.node.figures import Figures, Server
from pipeline import metrics
from pipeline.sources.pulsar_admin import HttpApi, NoAnswer, Withheld
from pipeline.sources.pulsar_condition import PulsarCondition

TOPIC = "persistent://sluice/events/departures"
PATH = "/admin/v2/persistent/sluice/events/departures"
BOOKIE = {
    "/api/v1/autorecovery/list_under_replicated_ledger": ["7"],
    "/api/v1/bookie/cluster_info": {"writableBookiesCount": 5, "readonlyBookiesCount": 0},
    "/api/v1/bookie/list_bookie_info": {
        "bookie-1-1": ": {Free: 40(40B), Total: 100(100B)}",
        "ClusterInfo: ": "{Free: 40(40B), Total: 100(100B)}",
    },
}
BROKER = {
    "/admin/v2/brokers": ["broker-1:8443", "broker-2:8443"],
    f"{PATH}/partitions": {"partitions": 2},
    f"{PATH}/partitioned-stats": {"partitions": {"one": {"backlogSize": 90}}},
}


@dataclass
class Asked:
    """What reached a server, and with which token."""

    requests: list[tuple[str, str, str]] = field(default_factory=list)


class Real(BaseHTTPRequestHandler):
    """A server as Pulsar's are: what it is told to say, some of it to the administrator alone."""

    says: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[Asked]

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "")
        self.asked.requests.append((self.command, self.path, token))
        path = self.path.partition("?")[0]
        known, entitled = path in self.says, token != "Bearer stranger"
        if path == "/admin/v2/brokers":
            entitled = token == "Bearer the-administrator"
        self.send_response(200 if known and entitled else 403 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(self.says.get(path)).encode())

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def serve(stack: ExitStack, server: ThreadingHTTPServer) -> int:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return int(server.server_address[1])


@pytest.fixture
def real(stack: ExitStack) -> Callable[[dict[str, Any]], tuple[str, Asked]]:
    def started(says: dict[str, Any]) -> tuple[str, Asked]:
        asked = Asked()
        kind = type("Of", (Real,), {"says": says, "asked": asked})
        port = serve(stack, ThreadingHTTPServer(("127.0.0.1", 0), kind))
        return f"http://127.0.0.1:{port}", asked

    return started


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    tls = make_tls(["localhost", "127.0.0.1"], now=dt.datetime.now(dt.UTC))
    (tmp_path / "ca.pem").write_text(tls.ca)
    (tmp_path / "server.pem").write_text(tls.certificate)
    (tmp_path / "server.key").write_text(tls.key)
    (tmp_path / "admin.token").write_text("the-administrator\n")
    return tmp_path


def of_the_broker(stack: ExitStack, server: str, secrets: Path) -> str:
    told = {**of_brokers(TOPIC, port=0, admin_port=1), "server": server}
    port = serve(stack, Server(("127.0.0.1", 0), Figures(told, secrets)))
    return f"https://localhost:{port}"


def as_role(role: str, url: str, secrets: Path) -> HttpApi:
    token = secrets / f"{role}.txt"
    token.write_text(role)
    return HttpApi(url=url, ca_file=secrets / "ca.pem", token_file=token)


def test_the_watcher_finds_all_that_it_measures(
    stack: ExitStack, real: Callable[..., tuple[str, Asked]], secrets: Path
) -> None:
    broker, asked_of_broker = real(BROKER)
    bookie, asked_of_bookie = real(BOOKIE)
    told = of_bookies(port=0, server=bookie)
    port = serve(stack, Server(("127.0.0.1", 0), Figures(told, secrets)))
    condition = PulsarCondition(
        topic=TOPIC,
        admin=as_role("watcher", of_the_broker(stack, broker, secrets), secrets),
        bookie=HttpApi(url=f"http://127.0.0.1:{port}"),
        brokers=3,
        bookies=6,
        backlog_bytes_max=100,
    )
    assert condition.missing().values == {metrics.BROKERS_MISSING: 2}
    assert condition.under_replicated().values == {metrics.UNDER_REPLICATED: 1}
    assert condition.disk().values == {metrics.DISK_PERCENT: 60.0}
    assert condition.backlog().values == {metrics.BACKLOG_PERCENT: 90.0}
    paths = {path.partition("?")[0] for _, path, _ in asked_of_bookie.requests}
    assert paths == set(BOOKIE_PATHS)
    # Who asks is asked for first, by his own token, each time.
    gates = [token for _, path, token in asked_of_broker.requests if path.endswith("/partitions")]
    assert gates == ["Bearer watcher"] * 2
    assert {method for method, _, _ in asked_of_broker.requests} == {"GET"}


def test_a_stranger_is_told_nothing_and_reaches_nothing(
    stack: ExitStack, real: Callable[..., tuple[str, Asked]], secrets: Path
) -> None:
    broker, asked = real(BROKER)
    url = of_the_broker(stack, broker, secrets)
    with pytest.raises(Withheld, match="403"):
        as_role("stranger", url, secrets).get("admin/v2/brokers", len)
    assert [path for _, path, _ in asked.requests] == [f"{PATH}/partitions"]
    with pytest.raises(NoAnswer):
        HttpApi(url=url.replace("https", "http")).get("admin/v2/brokers", len)


@pytest.mark.parametrize(
    "path", ["/admin/v2/tenants", "/admin/v2/brokers/../tenants", f"{PATH}/stats", "/metrics"]
)
def test_no_other_path_is_passed_on(
    path: str, stack: ExitStack, real: Callable[..., tuple[str, Asked]], secrets: Path
) -> None:
    broker, asked = real({**BROKER, path: {}})
    api = as_role("watcher", of_the_broker(stack, broker, secrets), secrets)
    with pytest.raises(Withheld, match="404"):
        api.get(path.removeprefix("/"), len)
    assert asked.requests == []


def test_only_questions_are_passed_on(
    stack: ExitStack, real: Callable[..., tuple[str, Asked]], tmp_path: Path
) -> None:
    import http.client

    bookie, asked = real(BOOKIE)
    told = of_bookies(port=0, server=bookie)
    port = serve(stack, Server(("127.0.0.1", 0), Figures(told, tmp_path)))
    for method in ("POST", "DELETE"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, BOOKIE_PATHS[0])
        assert connection.getresponse().status == 501
        connection.close()
    assert asked.requests == []


def test_a_server_that_is_away_is_no_answer_and_not_the_end(
    stack: ExitStack, tmp_path: Path
) -> None:
    told = of_bookies(port=0, server="http://127.0.0.1:1")
    assert Figures(told, tmp_path).answer(BOOKIE_PATHS[0], "")[0] == 502


def test_a_bookie_answers_its_own_machine_alone() -> None:
    node = BookieNode(
        cluster=Cluster(name="sluice", metadata=(), zones={}),
        identity="bookie-1-1",
        jvm=Jvm(heap_mb=64, direct_mb=64),
    )
    (text,) = (t for path, t in node.render().files.items() if path.endswith("bookkeeper.conf"))
    assert "httpServerHost=127.0.0.1\n" in text
    assert node.http_url == "http://127.0.0.1:8000"
