"""What another feature shows on a person's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page: a template, which finds its data in `part`."""

    template: str
    data: Mapping[str, Any]
