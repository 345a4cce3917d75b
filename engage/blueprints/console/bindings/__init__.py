"""Who speaks for whom, as staff decide it: by a code at the desk, for a fan of a chat, and its end (PT-5)."""

from __future__ import annotations

from engage.blueprints.console.bindings import desk, ending, fan
from engage.blueprints.console.bindings.blueprint import bp

__all__ = ["bp", "desk", "ending", "fan"]
