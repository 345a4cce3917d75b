"""Fans in the console: the list, one of them, work on many, the export."""

from __future__ import annotations

from engage.blueprints.console.fans import bulk, listing, showing
from engage.blueprints.console.fans.blueprint import bp

__all__ = ["bp", "bulk", "listing", "showing"]
