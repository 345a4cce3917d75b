"""The blueprint of campaigns. They reach fans of all stores, and are for who may act at all of them."""

from __future__ import annotations

from typing import Final

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_campaigns", __name__, url_prefix="/console/campaigns")

MANAGE: Final = "campaigns.manage"
