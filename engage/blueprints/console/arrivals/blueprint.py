"""The blueprint of the waiting room; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_arrivals", __name__, url_prefix="/console/arrivals")
