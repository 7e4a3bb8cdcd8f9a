"""CloudWatch in the emulator's process: metrics of platform and logs, alarms by AWS's rules."""


def install(*, minute_seconds: float) -> None:
    """Take CloudWatch over; a minute of its periods takes `minute_seconds` real seconds."""
