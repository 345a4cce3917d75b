"""What the calls of the control API share: their blueprint, their refusals, what a call asks for."""

import json
from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from sandbox.state import state
from sandbox.state.accounts import Account, BadAccount
from sandbox.state.fans import BadFan, Fan
from sandbox.state.faults import BadFault

blueprint = Blueprint("control", __name__, url_prefix="/sandbox/v1")
LONGEST_SEQ = 18  # digits: what SQLite holds


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
    data = request.get_json(silent=True)
    if not isinstance(data, dict) or not _is_text(data):
        abort(400, "the body must be a JSON object")
    return data


def _is_text(data: dict[str, Any]) -> bool:
    """Whether all characters are whole: half a surrogate pair cannot be kept or sent."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def after() -> int:
    """The `seq` after which a list begins; 0 when not given."""
    given = request.args.get("after", "0")
    if not given.isdecimal() or len(given) > LONGEST_SEQ:
        abort(400, "after must be a number")
    return int(given)


def fan(name: str) -> Fan:
    """The person with this id, else 404."""
    return state().fans.get(name) or abort(404, "no such fan")


def account(appid: object) -> Account:
    """The account with this app id, else 404."""
    return state().accounts.get(str(appid or "")) or abort(404, "no such account")
