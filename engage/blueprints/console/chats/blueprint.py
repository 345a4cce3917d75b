"""The blueprint of the conversations; the views stand in the modules beside it."""

from __future__ import annotations

from engage.blueprints.console.chats.shapes import URL
from engage.blueprints.guard import ConsoleBlueprint

bp = ConsoleBlueprint("console_chats", __name__, url_prefix=URL)
