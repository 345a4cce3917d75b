"""The blueprint of patients; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_people", __name__, url_prefix="/console/people")
