"""What a broker of this machine is, whichever it is: a folder, ports and a process.

Where it listens stands in the folder (`kafka.json`, `pulsar.json`), written once all else that it
starts with is there: a folder with that file is started as it is, on the same ports.
"""

import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Self

from infra.local.brokers import artifacts, class_archive, java
from infra.local.brokers.broker_process import BrokerProcess


@dataclass(frozen=True, kw_only=True)
class LocalBroker(ABC):
    """A broker on this machine; `tls_port` and `ca_file` are there when TLS was asked for."""

    kind: ClassVar[str]
    """The name of its artifacts, and of the file in which its place stands."""
    options: ClassVar[Sequence[str]]
    """The JVM's."""

    folder: Path
    port: int
    tls_port: int | None = None
    ca_file: Path | None = None
    stays: bool = False
    light: bool = False

    @classmethod
    def placed(cls, folder: Path) -> Self | None:
        """Return the broker whose place this folder is, None if it is nobody's."""
        place = folder / f"{cls.kind}.json"
        if not place.exists():
            return None
        stored = json.loads(place.read_text())
        files = {
            name: Path(text) for name, text in stored.items() if text and name.endswith("_file")
        }
        return cls(**{**stored, **files, "folder": folder})

    @classmethod
    def running(cls, folder: Path) -> Self | None:
        """Return the broker that runs in this folder, None if none does."""
        broker = cls.placed(folder.resolve())
        return broker if broker is not None and broker.pid is not None else None

    @classmethod
    def prepare(cls) -> None:
        """Install what it runs with, where that has not been done on this machine."""
        class_archive.ensure(artifacts.folder_of(cls.kind), cls._run_once)

    @classmethod
    def _run_once(cls, options: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            cls._trial(Path(folder).resolve()).process_with(options).run_once()

    @classmethod
    @abstractmethod
    def _trial(cls, folder: Path) -> "LocalBroker":
        """Place one that loads the classes of everything that a broker may be asked for."""

    @property
    def pid(self) -> int | None:
        """Return the id of its process, None when it does not run."""
        process = self._process.find()
        return None if process is None else process.pid

    def start(self, *, stays: bool) -> None:
        """Start it and wait until it serves; nothing happens if it runs. Raises UserError."""
        self._process.start(stays=stays)

    def stop(self) -> None:
        """End it as a person would (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Start it on the same data and ports, ending it first if it runs; wait until it serves."""
        self.stop()
        self.start(stays=self.stays)

    def keep_place(self) -> Self:
        """Write its place, and return it."""
        (self.folder / f"{self.kind}.json").write_text(json.dumps(asdict(self), default=str))
        return self

    @property
    def _process(self) -> BrokerProcess:
        return self.process_with(class_archive.options(artifacts.folder_of(self.kind)))

    def process_with(self, sharing: Sequence[str]) -> BrokerProcess:
        """Return its process, by which classes are read as these options of the JVM say."""
        options = (*self.options, *sharing, *([java.LIGHT] if self.light else []))
        main, *arguments = self._command
        jars = artifacts.folder_of(self.kind)
        return BrokerProcess(
            folder=self.folder,
            command=tuple(java.command(main, *arguments, jars=jars, options=options)),
            environment=dict(os.environ),
            ready=self._serves,
        )

    @property
    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the main class and what it is told."""

    @abstractmethod
    def _serves(self) -> bool:
        """Ask it whether it serves; bounded, and false as long as it does not answer."""
