"""The waiting list at the desk (BK-17): who waits, offering by telephone, adding somebody."""

from __future__ import annotations

from engage.blueprints.console.waiting import acting, adding, listing
from engage.blueprints.console.waiting.blueprint import bp

__all__ = ["acting", "adding", "bp", "listing"]
