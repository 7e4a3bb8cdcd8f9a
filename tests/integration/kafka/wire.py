"""A loopback proxy that speaks enough of Kafka's protocol to lose or to change an answer.

Frames are a length of four bytes, then, in a request, the number of its kind (Produce is 0), a
version and a correlation id; an answer begins with the correlation id (Kafka protocol guide).
"""

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

PRODUCE: Final = 0
UNKNOWN_PRODUCER_ID: Final = 59

Rule = Callable[[bytes], bytes | None]
"""What becomes of a Produce answer: other bytes, or None for a lost one and a cut connection."""


def lose(_: bytes) -> None:
    """The broker has done it, and nobody hears of it."""
    return


def fail_with(code: int, topic: str) -> Rule:
    """Put an error into the answer's first partition, which follows the topic's name."""

    def change(answer: bytes) -> bytes:
        at = answer.index(topic.encode()) + len(topic) + 1 + 4
        return answer[:at] + struct.pack(">h", code) + answer[at + 2 :]

    return change


@dataclass(kw_only=True)
class Proxy:
    """Listens on `port` and passes on to `broker_port`. `rules` are used up, one a Produce answer;
    `loses_all` loses each of them until it is switched off."""

    port: int
    broker_port: int
    rules: deque[Rule] = field(default_factory=deque)
    loses_all: bool = False
    lost: int = 0

    @contextmanager
    def serving(self) -> Iterator["Proxy"]:
        with socket.create_server(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            yield self
            server.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        kinds: dict[int, int] = {}
        with (
            suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self.broker_port)) as broker,
        ):
            back = threading.Thread(target=self._back, args=(broker, client, kinds), daemon=True)
            back.start()
            for frame in _frames(client):
                kind, _, correlation = struct.unpack_from(">hhi", frame)
                kinds[correlation] = kind
                broker.sendall(_framed(frame))
            broker.shutdown(socket.SHUT_RDWR)
            back.join(5)

    def _back(self, broker: socket.socket, client: socket.socket, kinds: dict[int, int]) -> None:
        with suppress(OSError):
            for frame in _frames(broker):
                (correlation,) = struct.unpack_from(">i", frame)
                answer = self._judge(frame) if kinds.pop(correlation) == PRODUCE else frame
                if answer is None:
                    self.lost += 1
                    break
                client.sendall(_framed(answer))
            client.shutdown(socket.SHUT_RDWR)

    def _judge(self, answer: bytes) -> bytes | None:
        if self.loses_all:
            return None
        return self.rules.popleft()(answer) if self.rules else answer


def _framed(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


def _frames(source: socket.socket) -> Iterator[bytes]:
    while len(head := source.recv(4, socket.MSG_WAITALL)) == 4:
        (size,) = struct.unpack(">i", head)
        yield source.recv(size, socket.MSG_WAITALL)
