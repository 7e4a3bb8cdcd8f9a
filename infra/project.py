"""The project's name, as Pulumi.yaml has it: what settings and resources are named after."""

from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]

FILE: Final = Path(__file__).resolve().parent.parent / "Pulumi.yaml"
NAME: Final[str] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["name"]
