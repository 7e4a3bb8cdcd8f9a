"""A pool whose jobs run one by one, when the test says so, in the test's own thread."""

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class ScriptedPool:
    """Jobs wait until `run`; a `stuck` one outlives every wait, as a stalled call does."""

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self.stuck = False

    def submit(self, job: Callable[[], T], /) -> "Future[T]":
        """Keep a job for later."""
        future: Future[T] = Future()

        def perform() -> None:
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)

        self._jobs.append(perform)
        return future

    def run(self) -> int:
        """Run all jobs that wait, return how many; Killed comes out, for the process is gone."""
        count = len(self._jobs)
        for _ in range(count):
            if self._jobs:  # a job may have run the others meanwhile
                self._jobs.popleft()()
        return count

    def __len__(self) -> int:
        return len(self._jobs)

    def wait(self, futures: "Collection[Future[Any]]", /, *, seconds_max: float) -> None:
        """Run what waits, unless it is stuck: then the time is over."""
        if futures and seconds_max and not self.stuck:
            self.run()
