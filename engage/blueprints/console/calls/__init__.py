"""Calls to make: by when they are due, each with its script, and what came of it (BK-11, BK-12, BK-14)."""

from __future__ import annotations

from engage.blueprints.console.calls import acting, listing, showing, texts
from engage.blueprints.console.calls.blueprint import bp

__all__ = ["acting", "bp", "listing", "showing", "texts"]
