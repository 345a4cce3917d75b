"""The blueprint of coupons; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_coupons", __name__, url_prefix="/console/coupons")
