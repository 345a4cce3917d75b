"""Appointments at the desk: the day as list and board, one in the drawer, new, change, cancel (BK-8)."""

from __future__ import annotations

from engage.blueprints.console.appointments import actions, change, day, drawer, line, moving, new, printed
from engage.blueprints.console.appointments.blueprint import bp

__all__ = ["actions", "bp", "change", "day", "drawer", "line", "moving", "new", "printed"]
