"""What the provider answers: a resource that was made, one that was begun, a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Made:
    """A resource as it stands now: its physical id and the outputs that were read back."""

    id: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """What is known of a creation that was interrupted: its id, or "" if no answer came."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What differs between old and new inputs, and which of it needs a new resource."""

    properties: tuple[str, ...]
    replaces: tuple[str, ...]
    delete_first: bool
