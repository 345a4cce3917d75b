"""The blueprint of fans; the modules beside it add their views."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_fans", __name__, url_prefix="/console/fans")
