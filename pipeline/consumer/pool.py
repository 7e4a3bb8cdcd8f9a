"""Threads for the jobs of a worker, as a seam: a test runs the same jobs one by one."""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Pool(Protocol):
    """Runs jobs beside the polling thread."""

    def submit(self, job: Callable[[], T], /) -> "Future[T]":
        """Start a job."""
        ...

    def wait(self, futures: "Collection[Future[Any]]", /, *, seconds_max: float) -> None:
        """Return when all of them have ended, or the time is over."""
        ...


class ThreadPool:
    """Real threads; a job that is still under way when the process leaves does not hold it up."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="take")

    def submit(self, job: Callable[[], T], /) -> "Future[T]":
        """Start a job, or queue it until a thread is free."""
        return self._executor.submit(job)

    def wait(self, futures: "Collection[Future[Any]]", /, *, seconds_max: float) -> None:
        """Return when all of them have ended, or the time is over."""
        wait(futures, timeout=seconds_max)

    def close(self) -> None:
        """Start nothing more; whoever is under way is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)
