"""Official accounts, as their owners configure them."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify

from sandbox.control.asked import account, blueprint, body
from sandbox.pusher import pusher
from sandbox.state import state
from sandbox.state.accounts import Account


@blueprint.post("/accounts")
def put_account() -> Response:
    """Create an account, or update the one with this app id; `templates` are added or replaced."""
    return jsonify(_view(state().accounts.put(body())))


@blueprint.get("/accounts")
def accounts() -> Response:
    """All accounts, secrets included; `markfail` tells that WeChat has stopped pushing for a minute."""
    return jsonify([_view(one) for one in state().accounts.all()])


@blueprint.post("/accounts/<appid>/verify")
def verify(appid: str) -> Response:
    """Check the callback as WeChat's configuration page does: `{ok, status | problem}`."""
    return jsonify(pusher().verify(account(appid)))


def _view(one: Account) -> dict[str, Any]:
    templates = [
        {"template_id": template.template_id, "title": template.title, "content": template.content}
        for template in state().accounts.templates(one.appid)
    ]
    return {**asdict(one), "markfail": pusher().is_marked(one), "templates": templates}
