"""Reports: what happened, counted and drawn, each number leading to its rows."""

from __future__ import annotations

from engage.blueprints.console.reports import attendance, export, rows
from engage.blueprints.console.reports.blueprint import bp

__all__ = ["attendance", "bp", "export", "rows"]
