"""Tell how brokers and bookies are, and nothing else of what their servers would do.

figures.py MACHINE_FILE

Questions of a few paths are passed on to the machine's own server, by GET alone. Where there is a
`gate`, whoever asks must come by TLS with a token by which the server answers that path to him; the
figures are then asked for by an administrator's token, which never leaves the machine.
"""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 10
SERVER_SECONDS_MAX = 30
"""A bookie that is asked about disks makes a client of its cluster, which takes ten to go again."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024
ADMIN = "admin"
NOT_TOLD = (404, b"not told here\n")
NO_ANSWER = (502, b"the server does not answer\n")
Answer = tuple[int, bytes]


class Figures:
    """What is told, and to whom; `folder` has the secrets where there is a gate."""

    def __init__(self, told: dict[str, Any], folder: Path) -> None:
        """Read what stays the same."""
        self.gate = told.get("gate")
        self._paths = frozenset(told["paths"])
        self._folder = folder
        self._server = told.get("server") or f"https://{socket.getfqdn()}:{told['admin_port']}"
        trusted = ssl.create_default_context(cafile=folder / "ca.pem") if self.gate else None
        handlers = [urllib.request.HTTPSHandler(context=trusted)] if trusted else []
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def answer(self, path: str, authorization: str) -> Answer:
        """Return status and body for a path with its query."""
        if path.partition("?")[0] not in self._paths:
            return NOT_TOLD
        if self.gate is None:
            return self._ask(path, "")
        status, said = self._ask(self.gate, authorization)
        if status != 200:
            return status, said
        token = (self._folder / f"{ADMIN}.token").read_text(encoding="utf-8").strip()
        return self._ask(path, f"Bearer {token}")

    def tls(self) -> ssl.SSLContext:
        """Return by what callers know this machine: the brokers' own certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _ask(self, path: str, authorization: str) -> Answer:
        headers = {"Authorization": authorization} if authorization else {}
        request = urllib.request.Request(f"{self._server}{path}", headers=headers)
        try:
            with self._opener.open(request, timeout=SERVER_SECONDS_MAX) as answer:
                return answer.status, answer.read(ANSWER_BYTES_MAX)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(ANSWER_BYTES_MAX)
        except OSError as error:
            sys.stderr.write(f"{self._server}{path}: {error}\n")
            return NO_ANSWER


class Server(ThreadingHTTPServer):
    """Answers each caller in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], figures: Figures) -> None:
        """Listen; by TLS where there is a gate."""
        self.figures = figures
        super().__init__(address, Handler)
        if figures.gate:
            # Hands are shaken in the caller's thread: one who hesitates holds nobody up.
            self.socket = figures.tls().wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers who go: a load balancer's checks come every few seconds."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers GET, and says nothing on the log."""

    timeout = TIMEOUT_SECONDS
    server: Server

    def do_GET(self) -> None:
        """Pass on, or refuse."""
        authorization = self.headers.get("Authorization", "")
        status, body = self.server.figures.answer(self.path, authorization)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


def main(arguments: list[str]) -> int:
    """Serve until the unit is stopped."""
    machine = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    told = machine["figures"]
    with Server(("", told["port"]), Figures(told, Path(machine["folder"]))) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
