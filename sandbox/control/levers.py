"""What only WeChat or a person's settings can do: end tokens, change limits, refuse messages."""

from typing import Any

from flask import Response, abort, jsonify

from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.state import state
from sandbox.state.counters import BadLimit
from sandbox.state.tokens import SPACES

# errcode that a killed token is answered with → the verdict on it
DEATHS = {40001: "invalid", 42001: "expired", 40014: "malformed"}


@blueprint.errorhandler(BadLimit)
def bad_limit(error: BadLimit) -> Response:
    """A limit that makes no sense: 400."""
    return asked.bad_input(error)


@blueprint.post("/accounts/<appid>/tokens/kill")
def kill_tokens(appid: str) -> Response:
    """End the account's tokens before their time.

    `{space?: token | stable, as?: 40001 | 42001 | 40014}`; without a space both, 40001 when not said.
    """
    account, data = asked.account(appid), asked.body()
    space, errcode = data.get("space"), data.get("as", 40001)
    if space not in (None, *SPACES):
        abort(400, f"space must be one of {', '.join(SPACES)}")
    if not isinstance(errcode, int) or errcode not in DEATHS:
        abort(400, f"as must be one of {', '.join(map(str, DEATHS))}")
    state().tokens.kill(account.appid, (space,) if space else SPACES, verdict=DEATHS[errcode])
    return jsonify({})


@blueprint.post("/accounts/<appid>/limits")
def set_limits(appid: str) -> Response:
    """Give the account daily limits of its own, `{path: n}`; null goes back to WeChat's."""
    limits: dict[str, Any] = asked.body()
    state().counters.set_limits(asked.account(appid).appid, limits)
    return jsonify({})


@blueprint.post("/fans/<fan>/refuse")
def refuse(fan: str) -> Response:
    """Switch an account's messages off, or on again with `{appid, refuse: false}`."""
    person, data = asked.fan(fan), asked.body()
    account, refuses = asked.account(data.get("appid")), data.get("refuse", True)
    if not isinstance(refuses, bool):
        abort(400, "refuse must be true or false")
    state().fans.set_refusal(account.appid, person.fan, refuses=refuses)
    return jsonify({})
