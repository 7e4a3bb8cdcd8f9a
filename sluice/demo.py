"""x."""

import rich_click as click


@click.command(help=__doc__)
def demo() -> None: ...
