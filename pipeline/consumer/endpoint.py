"""A process's own HTTP server: /health for ECS and load balancers, /metrics for Prometheus."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Final

from pipeline.consumer.health import Health
from pipeline.errors import UserError

REQUEST_SECONDS_MAX: Final = 5


class Endpoint:
    """A server in a thread of its own, until it is closed."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        health: Callable[[], Health],
        metrics: Callable[[], bytes] | None = None,
    ) -> None:
        """Listen; port 0 takes a free one. Raises UserError if the address cannot be had."""
        served: dict[str, Callable[[], Answer]] = {"/health": lambda: _health(health())}
        if metrics is not None:
            served["/metrics"] = lambda: _text(metrics())

        class Handler(_Handler):
            answers: ClassVar = served

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UserError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another worker port"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


Answer = tuple[int, str, bytes]


def _health(health: Health) -> Answer:
    body = json.dumps(health.document).encode()
    return 200 if health.healthy else 503, "application/json", body


def _text(body: bytes) -> Answer:
    return 200, "text/plain; version=0.0.4; charset=utf-8", body


class _Handler(BaseHTTPRequestHandler):
    """Answers GET of the known paths, and says nothing on the log."""

    timeout = REQUEST_SECONDS_MAX
    answers: ClassVar[dict[str, Callable[[], Answer]]]

    def do_GET(self) -> None:
        """Answer one request."""
        answer = self.answers.get(self.path.partition("?")[0])
        see = f"see {', '.join(self.answers)}\n".encode()
        status, kind, body = answer() if answer else (404, "text/plain", see)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a health check a second would be most of the log."""
