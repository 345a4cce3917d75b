"""The blueprint of channel codes; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_codes", __name__, url_prefix="/console/codes")

MANAGE = "codes.manage"
