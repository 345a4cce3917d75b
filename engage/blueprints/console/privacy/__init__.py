"""Privacy in the console: merging, what is held on a person, notices and requests (PT-7, PT-8)."""

from __future__ import annotations

from engage.blueprints.console.privacy import duplicates, held, notices, requests

BLUEPRINTS = (duplicates.bp, requests.bp, held.bp, notices.bp)

__all__ = ["BLUEPRINTS", "duplicates", "held", "notices", "requests"]
