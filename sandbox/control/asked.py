"""What the calls of the control API share: their blueprint, their refusals, what a call asks for."""

from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from sandbox.posted import json_object
from sandbox.state import state
from sandbox.state.accounts import Account, BadAccount
from sandbox.state.fans import BadFan, Fan
from sandbox.state.faults import BadFault

blueprint = Blueprint("control", __name__, url_prefix="/sandbox/v1")
LARGEST_SEQ = 10**18 - 1  # what SQLite holds, in full digits


@blueprint.errorhandler(HTTPException)
def failed(error: HTTPException) -> Response:
    """A refusal of this API: an HTTP status and `{error}`."""
    return make_response(jsonify(error=error.description), error.code or 500)


@blueprint.errorhandler(BadAccount)
@blueprint.errorhandler(BadFan)
@blueprint.errorhandler(BadFault)
def bad_input(error: ValueError) -> Response:
    """A field that makes no sense: 400."""
    return make_response(jsonify(error=str(error)), 400)


def body() -> dict[str, Any]:
    """The JSON object posted, else 400."""
    data = json_object(request.get_data()) if request.is_json else None
    if data is None:
        abort(400, "the body must be a JSON object")
    return data


def after() -> int:
    """The `seq` after which a list begins; 0 when not given."""
    given = request.args.get("after", "0")
    if not given.isdecimal() or len(given) > len(str(LARGEST_SEQ)):
        abort(400, "after must be a number")
    return int(given)


def fan(name: str) -> Fan:
    """The person with this id, else 404."""
    return state().fans.get(name) or abort(404, "no such fan")


def account(appid: object) -> Account:
    """The account with this app id, else 404."""
    return state().accounts.get(str(appid or "")) or abort(404, "no such account")
