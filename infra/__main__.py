"""The Pulumi program: makes one stack, where Python and its packages are new enough for it."""

import sys

from infra import preflight


def main() -> None:
    """Make one stack."""
    preflight.refuse(preflight.version_faults(sys.version_info[:2], preflight.installed()))
    # With older packages this very import would end in a traceback.
    from infra.program import make_stack

    make_stack()


main()
