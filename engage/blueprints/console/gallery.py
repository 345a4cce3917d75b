"""Every pattern of the console in every state, for whoever builds a page; development only."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from engage.blueprints.guard import ConsoleBlueprint, Staff

bp = ConsoleBlueprint("console_gallery", __name__, url_prefix="/console/_gallery")


@bp.view("", permission="self")
def index(_staff: Staff) -> ResponseReturnValue:
    """Show the patterns."""
    return render_template("console/gallery.html")
