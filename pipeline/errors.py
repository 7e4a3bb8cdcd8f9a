"""What can go wrong, as one small hierarchy.

    SluiceError
    |-- UserError          a person's mistake: one line, what and where and the next command
    |-- OperatingError     the world's trouble while running; says whether a retry can help
    |   |-- Refused        this attempt lost the fence: another one owns the shard
    |   `-- OutcomeUnknown the effect may have happened: only the next read of the head decides
    `-- BrokenInvariant    our own defect: stop, never carry on

Bad data is none of these: it is a row of quarantine (`pipeline.core.quarantine`).
"""


class SluiceError(Exception):
    """Root of everything that this project raises on purpose."""


class UserError(SluiceError):
    """A mistake that a person can mend; the message says what, where and what to do next."""


class OperatingError(SluiceError):
    """Trouble in the world outside: `shard` and `position` say where, `retryable` what next."""

    def __init__(
        self,
        message: str,
        *,
        shard: str | None = None,
        position: int | None = None,
        retryable: bool = True,
    ) -> None:
        where = f" (shard {shard}" + (f", position {position})" if position is not None else ")")
        super().__init__(message + (where if shard else ""))
        self.shard = shard
        self.position = position
        self.retryable = retryable


class Refused(OperatingError):
    """The conditional write was refused: another attempt has fenced this one (protocol.md, 2)."""


class OutcomeUnknown(OperatingError):
    """No answer, a conflict or a throttle: the effect may or may not have happened (T29)."""


class BrokenInvariant(SluiceError):
    """A state that the protocol rules out; the process must stop rather than guess."""
