"""The phone: a page that looks like WeChat, and the two calls that only it needs."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox import visitor, words
from sandbox.state import state
from sandbox.state.accounts import Account

blueprint = Blueprint("phone", __name__)

# Patient pages may come from any local port, hence the wide frame-src; all else is the phone's own.
POLICY = "default-src 'self'; frame-src http: https:; img-src 'self' data: http: https:; object-src 'none'"


@blueprint.get("/")
@blueprint.get("/phone")
def phone() -> Response:
    """The phone of the person whose host or cookie this is; else it asks who holds it."""
    person = visitor.of_host(request.host) or visitor.current()
    spoken = words.current()
    page = make_response(
        render_template(
            "phone.html",
            fan=asdict(person) if person else None,
            t=spoken,
            is_local=visitor.is_local(),
        )
    )
    page.headers["Content-Security-Policy"] = POLICY
    page.headers["Cache-Control"] = "no-store"
    page.set_cookie(words.COOKIE, spoken["lang"], samesite="Lax", httponly=True)
    if person:
        # The authorization page knows the person by it.
        page.set_cookie(visitor.COOKIE, person.fan, samesite="Lax", httponly=True)
    return page


@blueprint.get("/phone/as/<fan>")
def become(fan: str) -> BaseResponse:
    """Hand this browser's phone to a person, where host names per person do not work."""
    if state().fans.get(fan) is None:
        abort(404)
    answer = redirect("/phone")
    answer.set_cookie(visitor.COOKIE, fan, samesite="Lax", httponly=True)
    return answer


@blueprint.get("/phone/<fan>/chats")
def chats(fan: str) -> Response:
    """Every account as this person's chat list shows it."""
    if state().fans.get(fan) is None:
        abort(404)
    return jsonify([_chat(account, fan) for account in state().accounts.all()])


@blueprint.post("/phone/<fan>/read")
def read(fan: str) -> Response:
    """The person saw a chat up to `seq`: `{appid, seq}`."""
    data = request.get_json(silent=True) or {}
    account = state().accounts.get(str(data.get("appid", "")))
    if state().fans.get(fan) is None or account is None or not isinstance(data.get("seq"), int):
        abort(400)
    state().fans.mark_read(account.appid, fan, data["seq"])
    return jsonify({})


def _chat(account: Account, fan: str) -> dict[str, Any]:
    tie = state().fans.subscription(account.appid, fan)
    callback = urlsplit(account.callback_url)
    return {
        "appid": account.appid,
        "name": account.name,
        "kind": account.kind,
        "openid": tie.openid,
        "following": tie.following,
        "unread": state().inbox.unread(fan, account.appid, tie.read_seq),
        "last": state().inbox.last(fan, account.appid),
        # Patient pages are served where the callback is.
        "origin": f"{callback.scheme}://{callback.netloc}",
    }
