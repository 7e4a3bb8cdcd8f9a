"""The class archive: recorded once, used when it is there, and never a reason not to start."""

from pathlib import Path

from infra.local.brokers import artifacts, class_archive, java, kafka
from tests.brokers import require


def test_where_no_archive_can_be_recorded_nobody_tries_again(tmp_path: Path) -> None:
    runs: list[list[str]] = []
    for _ in range(2):
        class_archive.ensure(tmp_path, runs.append)
    assert len(runs) == 1
    assert class_archive.options(tmp_path) == []


def test_a_recorded_archive_is_used_from_then_on(tmp_path: Path) -> None:
    def record(options: list[str]) -> None:
        Path(options[-1].partition("ArchiveClassesAtExit=")[2]).write_bytes(b"classes")

    class_archive.ensure(tmp_path, record)
    [option] = class_archive.options(tmp_path)
    assert all(Path(path).exists() for path in option.partition("=")[2].split(":"))


def test_the_jvm_takes_the_archive_of_kafka_as_its_own() -> None:
    require("kafka")
    kafka.prepare()
    jars = artifacts.folder_of("kafka")
    options = class_archive.options(jars)
    assert options
    # With `-Xshare:on` the JVM ends in an error where it cannot use the archive.
    command = java.command("kafka.Kafka", "--version", jars=jars, options=("-Xshare:on", *options))
    java.run(command)
