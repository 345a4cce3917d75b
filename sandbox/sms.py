"""The SMS provider: one call that delivers a text message (design §1).

`POST /sandbox/sms/send {phone, text, template?, params?}` → `{id}`; the signature stands in the text.
Of faults with the path `/sandbox/sms/send` it suffers `latency_ms` and `http`.
"""

import re
import time

from flask import Blueprint, Response, abort, jsonify, make_response, request

from sandbox.posted import json_object
from sandbox.state import state

blueprint = Blueprint("sms", __name__)

PATH = "/sandbox/sms/send"
PHONE = re.compile(r"\+?\d{5,15}")
LONGEST = 1000  # characters


@blueprint.post(PATH)
def send() -> Response:
    """Deliver a text message to a phone's inbox; 400 says what is wrong."""
    effect = state().faults.strike("", PATH)
    time.sleep(effect.get("latency_ms", 0) / 1000)
    if "http" in effect:
        abort(make_response(jsonify(error="fault"), effect["http"]))
    data = json_object(request.get_data()) if request.is_json else None
    if data is None:
        return _refused("the body must be a JSON object")
    phone, text, params = data.get("phone"), data.get("text"), data.get("params") or {}
    if not isinstance(phone, str) or not PHONE.fullmatch(phone):
        return _refused("phone must be digits, with + before a country's code")
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        return _refused(f"text must have 1 to {LONGEST} characters")
    if not isinstance(params, dict):
        return _refused("params must be an object")
    template = str(data.get("template") or "")
    return jsonify(id=state().sms.add(phone, text=text, template=template, params=params))


def _refused(reason: str) -> Response:
    return make_response(jsonify(error=reason), 400)
