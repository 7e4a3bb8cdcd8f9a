"""Install the brokers' files, and say what was done.

python -m infra.local.brokers [kafka] [pulsar] [--base ADDRESS]
"""

import argparse
import sys

from infra.local.brokers import artifacts, kafka, pulsar
from pipeline.errors import SluiceError

PREPARE = {"kafka": kafka.prepare, "pulsar": pulsar.prepare}


def main(arguments: list[str] | None = None) -> int:
    """Install what is asked for; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.brokers")
    parser.add_argument("brokers", nargs="*", default=list(PREPARE), metavar="kafka|pulsar")
    parser.add_argument("--base", help=f"a Maven repository; default: {artifacts.BASE_VARIABLE}")
    options = parser.parse_args(arguments)
    for broker in options.brokers:
        if broker not in PREPARE:
            parser.error(f"no such broker: {broker}")
        was = artifacts.installed(broker)
        try:
            folder = artifacts.folder_of(broker, base=options.base, on_step=_say)
            PREPARE[broker]()
        except SluiceError as error:
            _say(str(error))
            return 2
        jars = list(folder.glob("*.jar"))
        megabytes = sum(jar.stat().st_size for jar in jars) / 1e6
        how = "was there" if was else "installed"
        print(f"{broker}: {how}, {len(jars)} jars, {megabytes:.0f} MB, {folder}")  # noqa: T201
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the message is this program's output


if __name__ == "__main__":
    sys.exit(main())
