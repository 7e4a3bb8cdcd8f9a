"""Build the functions' package as it goes to AWS, and say what is in it."""

import hashlib
import zipfile
from typing import cast

import rich_click as click

from infra.function_package import UNZIPPED_BYTES_MAX, Architecture, Target, function_archive
from sluice.console import result, result_json
from sluice.options import json_option


@click.command(help=__doc__)
@click.option("--target", type=click.Choice(["aws", "host", "local"]), default="aws")
@click.option("--architecture", type=click.Choice(["arm64", "x86_64"]), default="arm64")
@json_option
def package(target: str, architecture: str, as_json: bool) -> None:
    """Print the archive's path, sizes in bytes and hash."""
    archive = function_archive(cast("Target", target), cast("Architecture", architecture))
    with zipfile.ZipFile(archive) as opened:
        unzipped = sum(entry.file_size for entry in opened.infolist())
    facts = {
        "path": str(archive),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "zipped_bytes": archive.stat().st_size,
        "unzipped_bytes": unzipped,
        "unzipped_bytes_max": UNZIPPED_BYTES_MAX,
    }
    if as_json:
        result_json(facts)
        return
    for key, value in facts.items():
        result(f"{key:19} {value:,}" if isinstance(value, int) else f"{key:19} {value}")
