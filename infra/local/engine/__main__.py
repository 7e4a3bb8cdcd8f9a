"""Install the Pulumi CLI where there is none, and say where it is.

python -m infra.local.engine
"""

import sys

from infra.local.engine.install import install
from pipeline.errors import SluiceError


def main() -> int:
    """Find or build the CLI; return the process's exit code."""
    try:
        folder = install(lambda step: print(step, file=sys.stderr))  # noqa: T201
    except SluiceError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the message is this program's output
        return 2
    print(folder)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
