"""The blueprint of reports."""

from __future__ import annotations

from typing import Final

from engage.blueprints.guard import ConsoleBlueprint

VIEW: Final = "reports.view"

bp = ConsoleBlueprint("console_reports", __name__, url_prefix="/console/reports")
