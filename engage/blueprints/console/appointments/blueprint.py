"""The blueprint of the appointment centre; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_appointments", __name__, url_prefix="/console/appointments")
