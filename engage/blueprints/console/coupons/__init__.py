"""Coupons in the console: what the clinic gives, and redeeming at the desk (CP-1 to CP-3)."""

from __future__ import annotations

from engage.blueprints.console.coupons import editing, listing, redeeming
from engage.blueprints.console.coupons.blueprint import bp

__all__ = ["bp", "editing", "listing", "redeeming"]
