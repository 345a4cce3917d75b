"""Profiles that patients hand in: the list, a decision on one, and what is asked for (PT-6)."""

from __future__ import annotations

from engage.blueprints.console.profiles import deciding, designing, showing
from engage.blueprints.console.profiles.blueprint import bp

__all__ = ["bp", "deciding", "designing", "showing"]
