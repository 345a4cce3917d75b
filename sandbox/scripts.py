"""The script that pages load to use the phone, where WeChat has it (WeChat §9)."""

from flask import Blueprint, Response, current_app

blueprint = Blueprint("scripts", __name__)


@blueprint.get("/open/js/jweixin-1.6.0.js")
def jweixin() -> Response:
    """The sandbox's own stand-in: it speaks to the phone around the page."""
    return current_app.send_static_file("js/jweixin.js")
