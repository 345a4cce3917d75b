"""When stores, doctors and items can be booked: terms, special days, closures, what they leave outside."""

from __future__ import annotations

from engage.blueprints.console.calendar import closures, days, doctors, imports, outside, terms
from engage.blueprints.console.calendar.blueprint import bp

__all__ = ["bp", "closures", "days", "doctors", "imports", "outside", "terms"]
