"""The desk with its phones, the phone that looks like WeChat, and the calls that only they make."""

import re
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox import menus, visitor, words
from sandbox.control import asked
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.fans import Fan

blueprint = Blueprint("phone", __name__)

# Patient pages and their pictures may come from any local port; all else is the phone's own.
POLICY = (
    "default-src 'self'; frame-src http: https:; img-src 'self' blob: data: http: https:;"
    " media-src 'self' http: https:; object-src 'none'; base-uri 'none'; frame-ancestors {}"
)
HUES = 8  # colours of avatars
SHORTEST_NUMBER = 5  # digits that two spellings of a phone number must share


@blueprint.get("/")
def desk() -> Response:
    """The desk: phones of several people side by side, and the panel."""
    return _page("desk.html", framers="'none'", is_local=visitor.is_local())


@blueprint.get("/phone")
def phone() -> Response:
    """The phone of the person whose host or cookie this is; else it asks who holds it."""
    person = visitor.of_host(request.host) or visitor.current()
    page = _page(
        "phone.html",
        framers="'self' http://*.localhost:*",
        fan=asdict(person) if person else None,
        is_local=visitor.has_host_names(),
        # The desk draws the phone's body around the frame.
        is_framed=request.headers.get("Sec-Fetch-Dest") == "iframe",
    )
    if person:
        # The authorization page knows the person by it.
        page.set_cookie(visitor.COOKIE, person.fan, samesite="Lax", httponly=True)
    return page


@blueprint.get("/phone/as/<fan>")
def become(fan: str) -> BaseResponse:
    """Hand this browser's phone to a person, where host names per person do not work."""
    _person(fan)
    answer = redirect("/phone")
    answer.set_cookie(visitor.COOKIE, fan, samesite="Lax", httponly=True)
    return answer


@blueprint.get("/phone/<fan>/home")
def home(fan: str) -> Response:
    """What the phone asks again and again: `{now, chats, texts}`, the texts of the person's number."""
    person = _person(fan)
    return jsonify(
        now=state().clock.now(),
        chats=[_chat(account, fan) for account in state().accounts.all()],
        texts=_texts(person),
    )


@blueprint.post("/phone/<fan>/read")
def read(fan: str) -> Response:
    """The person saw a chat up to `seq`: `{appid, seq}`."""
    _person(fan)
    data = asked.body()
    account, seq = state().accounts.get(str(data.get("appid", ""))), data.get("seq")
    if account is None or not isinstance(seq, int):
        abort(400)
    state().fans.mark_read(account.appid, fan, min(max(seq, 0), asked.LARGEST_SEQ))
    return jsonify({})


@blueprint.app_template_filter()
def hue(key: str) -> int:
    """The colour of an avatar, the same one that the scripts give to this key."""
    total = 7
    for letter in key:
        total = (total * 31 + ord(letter)) % 9973
    return total % HUES


def same_number(one: str, other: str) -> bool:
    """Whether two spellings mean one phone: the shorter ends the longer, country code or not."""
    short, long = sorted((re.sub(r"\D", "", one), re.sub(r"\D", "", other)), key=len)
    return len(short) >= SHORTEST_NUMBER and long.endswith(short)


def _page(template: str, *, framers: str, **values: Any) -> Response:
    spoken = words.current()
    page = make_response(render_template(template, t=spoken, **values))
    page.headers["Content-Security-Policy"] = POLICY.format(framers)
    page.headers["Cache-Control"] = "no-store"
    page.set_cookie(words.COOKIE, spoken["lang"], samesite="Lax", httponly=True)
    return page


def _person(fan: str) -> Fan:
    return state().fans.get(fan) or abort(404)


def _texts(person: Fan) -> list[dict[str, Any]]:
    if not person.phone:
        return []
    return [text for text in state().sms.of("", after=0) if same_number(text["phone"], person.phone)]


def _chat(account: Account, fan: str) -> dict[str, Any]:
    tie = state().fans.subscription(account.appid, fan)
    callback = urlsplit(account.callback_url)
    return {
        "appid": account.appid,
        "name": account.name,
        "kind": account.kind,
        "openid": tie.openid,
        "following": tie.following,
        "menu": menus.seen_by(account.appid, fan),
        "unread": state().inbox.unread(fan, account.appid, tie.read_seq),
        "last": state().inbox.last(fan, account.appid),
        # Patient pages are served where the callback is.
        "origin": f"{callback.scheme}://{callback.netloc}",
    }
