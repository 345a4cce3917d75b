"""The waiting room of a store at the desk: who is here, walk-ins, and the code at the door (BK-19)."""

from __future__ import annotations

from engage.blueprints.console.arrivals import acting, code, guests, room
from engage.blueprints.console.arrivals.blueprint import bp

__all__ = ["acting", "bp", "code", "guests", "room"]
