"""The people who hold the phones, and what they received."""

from dataclasses import asdict

from flask import Response, jsonify, request

from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.state import state


@blueprint.post("/fans")
def put_fan() -> Response:
    """Create a person; an id chosen in `fan` makes the call idempotent."""
    return jsonify(asdict(state().fans.put(asked.body())))


@blueprint.get("/fans")
def fans() -> Response:
    """All people."""
    return jsonify([asdict(fan) for fan in state().fans.all()])


@blueprint.get("/fans/<fan>/inbox")
def inbox(fan: str) -> Response:
    """What the person received after `after`; `all=1` adds what they wrote and the app's notices."""
    asked.fan(fan)
    entries = state().inbox.of(
        fan,
        appid=request.args.get("appid", ""),
        after=asked.after(),
        whole=request.args.get("all") == "1",
    )
    return jsonify(entries)


@blueprint.get("/fans/<fan>/openid")
def openid(fan: str) -> Response:
    """The person's openid for an account."""
    asked.fan(fan)
    account = asked.account(request.args.get("appid"))
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)
