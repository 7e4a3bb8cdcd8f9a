"""Questions to Pulsar's and BookKeeper's HTTP APIs: GET alone, bounded in time and in answer."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.errors import OperatingError, UserError

ANSWER_SECONDS_MAX: Final = 10.0
"""How long one attempt may take at each of its steps: to connect, to be answered. A bookie that is
asked for all disks asks all others first."""
ATTEMPTS_MAX: Final = 2
"""The second finds another broker behind a load balancer that has not yet noticed the first."""
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""A topic of hundreds of partitions has statistics of about a megabyte."""
T = TypeVar("T")

NOT_ALLOWED: Final = (401, 403)
NOT_KNOWN: Final = (404, 405)
NOBODY_BEHIND: Final = (502, 503, 504)
"""What stands before a server says so when that one does not answer, as our own figures do
(`infra/pulsar/node/figures.py`)."""


class NoAnswer(OperatingError):
    """Nobody answered, only who stands before them, or what did speaks no HTTP."""


class Withheld(OperatingError):
    """Somebody answered, who does not tell this to us, or does not know it."""


@dataclass(frozen=True, kw_only=True)
class HttpApi:
    """The API at `url`. The token is read anew for each question, `ca_file` once."""

    url: str
    ca_file: Path | None = None
    token_file: Path | None = None
    seconds_max: float = ANSWER_SECONDS_MAX

    def get(self, path: str, read: Callable[[Any], T]) -> T:
        """Return what is read from the JSON at a path.

        Raises NoAnswer, Withheld, and OperatingError for what cannot be read as well.
        """
        where = f"{self.url}/{path}"
        text = self._text(where)
        try:
            return read(json.loads(text))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise OperatingError(f"{where} says what we cannot read: {text[:100]}") from error

    def _text(self, where: str) -> str:
        for _ in range(ATTEMPTS_MAX - 1):
            with suppress(NoAnswer):
                return self._attempt(where)
        return self._attempt(where)

    def _attempt(self, where: str) -> str:
        request = urllib.request.Request(where, headers=self._headers())
        try:
            with self._opener.open(request, timeout=self.seconds_max) as answer:
                return str(answer.read(ANSWER_BYTES_MAX).decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(ANSWER_BYTES_MAX).decode(errors="replace")
            raise self._refusal(where, error.code, said) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise OperatingError(
                    f"{self.url}: {reason.verify_message}; set ca_file to the authority that signed"
                    " its certificate, and the URL to a name in it"
                ) from error
            raise NoAnswer(f"no answer at {self.url}: {reason}; is it up, by this URL?") from error

    def _refusal(self, where: str, status: int, said: str) -> OperatingError:
        """Return what a status means; `said` may be a page, of which one line will do."""
        text = f"{where}: {status} {' '.join(said.split())[:200]}"
        if status in NOT_ALLOWED:
            return Withheld(f"{text}; give the role of {self.token_file or 'a token'} the right")
        if status in NOBODY_BEHIND:
            return NoAnswer(text)
        return Withheld(text) if status in NOT_KNOWN else OperatingError(text)

    def _headers(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        try:
            return {"Authorization": f"Bearer {self.token_file.read_text().strip()}"}
        except OSError as error:
            raise OperatingError(f"cannot read the token in {self.token_file}: {error}") from error

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Return what opens URLs: by no proxy, for brokers are beside us."""
        try:
            tls = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UserError(
                f"{self.ca_file} holds no certificates ({error}); the Pulsar connection names it"
            ) from error
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )
