"""The tenant's accent colour, as a stylesheet: pages carry no style of their own (design §4)."""

from __future__ import annotations

import re

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from engage.blueprints import colours
from engage.blueprints.guard import OpenBlueprint
from engage.kernel.errors import NotFound

bp = OpenBlueprint("patient_style", __name__)


@bp.open("/accent/<colour>.css", reason="a pure function of the colour in its address")
def accent(colour: str) -> ResponseReturnValue:
    """Answer with the shades of a colour `rrggbb`."""
    if not re.fullmatch(r"[0-9a-fA-F]{6}", colour):
        raise NotFound(colour=colour)
    sheet = render_template("patient/accent.css", accent=colours.accent(f"#{colour}"))
    return Response(
        sheet, content_type="text/css; charset=utf-8", headers={"Cache-Control": "public, max-age=86400"}
    )
