"""The text messages on people's phones."""

from flask import Response, jsonify, request

from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.state import state


@blueprint.get("/sms")
def text_messages() -> Response:
    """Text messages after `after`, of the number `phone` or of all."""
    return jsonify(state().sms.of(request.args.get("phone", ""), after=asked.after()))
