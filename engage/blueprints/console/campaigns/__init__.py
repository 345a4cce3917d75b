"""Campaigns: planned with a preview, watched while they run, ended; who got what (CA-1, CA-4, CA-5)."""

from __future__ import annotations

from engage.blueprints.console.campaigns import acting, listing, people, planning, showing
from engage.blueprints.console.campaigns.blueprint import bp

__all__ = ["acting", "bp", "listing", "people", "planning", "showing"]
