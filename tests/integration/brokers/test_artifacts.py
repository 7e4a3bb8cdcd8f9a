"""The brokers' files: fetched from a repository of the test's own, and only as they are pinned."""

import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.brokers import artifacts
from infra.local.ports import lasting_ports
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
JARS = {
    "org.example:one:1.0": ("org/example/one/1.0/one-1.0.jar", b"one"),
    "org.example.deep:two:2.0": ("org/example/deep/two/2.0/two-2.0.jar", b"two" * 100_000),
}
TARBALL = "org.example:whole:tar.gz:bin:3.0"
INSTALL = """
import sys
from pathlib import Path
from infra.local.brokers import artifacts
artifacts.LISTS = Path(sys.argv[1])
print(sorted(p.name for p in artifacts.folder_of("kafka", tools=Path(sys.argv[2]), \
base=sys.argv[3]).iterdir()))
"""


class Repository:
    """A Maven repository in memory that counts what it is asked for."""

    def __init__(self) -> None:
        self.files = dict(JARS.values())
        self.asked: list[str] = []
        self.broken = 0
        """How many of the next requests it answers with an error."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path.lstrip("/"))
                content = outer.files.get(self.path.lstrip("/"))
                if outer.broken:
                    outer.broken -= 1
                    content = None
                self.send_response(200 if content is not None else 503)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def repository() -> Iterator[Repository]:
    made = Repository()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(60)


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of two jars under the name of Kafka's."""
    folder = tmp_path / "lists"
    folder.mkdir()
    pins = [f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, (_, data) in JARS.items()]
    (folder / "kafka.txt").write_text("".join(pins))
    monkeypatch.setattr(artifacts, "LISTS", folder)
    return folder


@pytest.mark.usefixtures("lists")
def test_what_is_listed_is_fetched_once_and_put_in_place(
    repository: Repository, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    folder = artifacts.folder_of("kafka", tools=tools, base=repository.base)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.rpartition("/")[2]: data for path, data in JARS.values()
    }
    assert artifacts.folder_of("kafka", tools=tools, base=repository.base) == folder
    assert len(repository.asked) == len(JARS)


@pytest.mark.usefixtures("lists")
def test_the_repository_may_be_named_by_the_environment(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_MAVEN_BASE", repository.base)
    assert artifacts.folder_of("kafka", tools=tmp_path / "tools").is_dir()


@pytest.mark.usefixtures("lists")
def test_a_file_that_is_not_the_pinned_one_is_refused_and_nothing_is_in_place(
    repository: Repository, tmp_path: Path
) -> None:
    path, _ = JARS["org.example:one:1.0"]
    repository.files[path] = b"another"
    with pytest.raises(UserError, match=r"org\.example:one:1\.0 has the sha256 .* is not used"):
        artifacts.folder_of("kafka", tools=tmp_path / "tools", base=repository.base)
    assert not artifacts.installed("kafka", tools=tmp_path / "tools")
    repository.files[path] = JARS["org.example:one:1.0"][1]
    assert artifacts.folder_of("kafka", tools=tmp_path / "tools", base=repository.base).is_dir()


@pytest.mark.usefixtures("lists")
def test_an_error_of_the_repository_is_tried_again(repository: Repository, tmp_path: Path) -> None:
    repository.broken = 2
    assert artifacts.folder_of("kafka", tools=tmp_path / "tools", base=repository.base).is_dir()


@pytest.mark.usefixtures("lists")
def test_a_network_that_fails_is_one_line_with_the_next_command(tmp_path: Path) -> None:
    [port] = lasting_ports(1)
    with pytest.raises(UserError) as raised:
        artifacts.folder_of("kafka", tools=tmp_path, base=f"http://127.0.0.1:{port}")
    said = str(raised.value)
    assert "\n" not in said
    assert "cannot fetch org.example" in said
    assert "python -m infra.local.brokers" in said
    assert not artifacts.installed("kafka", tools=tmp_path)


def test_two_that_install_at_once_fetch_once_and_both_have_all(
    repository: Repository, tmp_path: Path, lists: Path
) -> None:
    words = [sys.executable, "-c", INSTALL, str(lists), str(tmp_path / "tools"), repository.base]
    both = [subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=180)[0].strip() for one in both]
    assert said == ["['one-1.0.jar', 'two-2.0.jar']"] * 2
    assert len(repository.asked) == len(JARS)


def test_of_a_distribution_only_the_jars_are_unpacked_and_nothing_beside_the_folder(
    repository: Repository, tmp_path: Path, lists: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        names = ("lib/good.jar", "lib/../../../evil.jar", "bin/start.sh", "conf/a.conf", "LICENSE")
        for name in names:
            member = tarfile.TarInfo(f"whole-3.0/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        link = tarfile.TarInfo("whole-3.0/lib/link.jar")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    repository.files["org/example/whole/3.0/whole-3.0-bin.tar.gz"] = packed.getvalue()
    sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
    (lists / "pulsar.txt").write_text(f"{TARBALL} {sha256}\n")
    tools = tmp_path / "tools"
    folder = artifacts.folder_of("pulsar", tools=tools, base=repository.base)
    assert sorted(path.name for path in folder.iterdir()) == ["LICENSE", "good.jar"]
    assert not list(tmp_path.rglob("evil.jar"))


@pytest.mark.parametrize("broker", ["kafka", "pulsar"])
def test_every_file_of_the_real_lists_has_a_whole_hash_and_a_name_of_its_own(broker: str) -> None:
    files = artifacts.pinned(broker)
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in files)
    assert len({file.name for file in files}) == len(files) > 0
