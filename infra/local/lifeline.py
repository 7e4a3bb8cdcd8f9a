"""End a process when the one that started it dies, so that no orphan survives.

A thread asks for the parent's id, where one might ask the kernel for a signal: Linux's
PR_SET_PDEATHSIG follows the *thread* that started the child, and the emulator starts its function
workers from threads that end at once.
"""

import os
import threading
import time

PERIOD_SECONDS = 0.25


def follow(parent_pid: int) -> None:
    """End this process, within `PERIOD_SECONDS`, once its parent is no longer `parent_pid`."""
    threading.Thread(target=_watch, args=(parent_pid,), daemon=True, name="lifeline").start()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(PERIOD_SECONDS)
    os._exit(1)
