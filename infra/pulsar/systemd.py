"""systemd units as text."""

from dataclasses import dataclass
from typing import Final

USER: Final = "pulsar"
STOP_SECONDS: Final = 60
"""How long a server may take to hand over what it owns before it is killed."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One service; without `restart_seconds` it runs once, until it has succeeded."""

    description: str
    start: tuple[str, ...]
    """The command and its arguments, none with a space in it."""
    after: tuple[str, ...] = ()
    """Units that must have started before, without which this one does not run."""
    needs: str = ""
    """A file without which it does not start, and tries again; "": none."""
    user: str = USER
    restart_seconds: int | None = None
    repeated: bool = False
    """Whether a timer starts it again and again: it ends, and is not tried again by itself."""
    retry_seconds: int = 10
    """How long after a failure a unit that runs once tries again."""
    open_files_max: int | None = None

    def render(self) -> str:
        """Return the unit file's text (systemd.service(5), systemd.exec(5))."""
        lines = ["[Unit]", f"Description={self.description}"]
        lines += [f"Wants={' '.join(('network-online.target', *self.after))}"]
        lines += [f"After={' '.join(('network-online.target', *self.after))}"]
        # Without a limit of attempts: what it waits for may take its time.
        lines += ["StartLimitIntervalSec=0", "", "[Service]", f"User={self.user}"]
        if self.needs:
            lines += [f"ExecStartPre=/usr/bin/test -e {self.needs}"]
        lines += [f"ExecStart={' '.join(self.start)}"]
        if self.repeated:
            lines += ["Type=oneshot"]
        elif self.restart_seconds is None:
            lines += ["Type=oneshot", "RemainAfterExit=yes"]
            lines += ["Restart=on-failure", f"RestartSec={self.retry_seconds}"]
        else:
            lines += ["Restart=always", f"RestartSec={self.restart_seconds}"]
            # A JVM that was told to end says so by 143.
            lines += [f"TimeoutStopSec={STOP_SECONDS}", "SuccessExitStatus=143"]
        if self.open_files_max is not None:
            lines += [f"LimitNOFILE={self.open_files_max}"]
        return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""])


def every_minute(description: str, service: str) -> str:
    """Return a timer's text: the service runs once a minute (systemd.timer(5))."""
    lines = ["[Unit]", f"Description={description}", "", "[Timer]", "OnCalendar=minutely"]
    # Machines of one cluster would otherwise all come in the same second.
    lines += ["RandomizedDelaySec=20", f"Unit={service}", ""]
    return "\n".join([*lines, "[Install]", "WantedBy=timers.target", ""])
