"""Patients in the console: the list, a person's page, making and changing a chart (PT-3)."""

from __future__ import annotations

from engage.blueprints.console.people import editing, listing, showing
from engage.blueprints.console.people.blueprint import bp

__all__ = ["bp", "editing", "listing", "showing"]
