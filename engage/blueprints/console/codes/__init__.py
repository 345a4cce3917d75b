"""Channel codes: the list, one code with what came of it, the form, pictures to print."""

from __future__ import annotations

from engage.blueprints.console.codes import editing, listing, people, printing, showing
from engage.blueprints.console.codes.blueprint import bp

__all__ = ["bp", "editing", "listing", "people", "printing", "showing"]
