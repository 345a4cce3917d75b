"""What people do in a chat: follow, scan, write."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, jsonify, request

from sandbox import links, written
from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.pusher import Delivery, Push, pusher
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.codes import PREFIX, Code
from sandbox.state.windows import FOLLOW, MENU, MESSAGE, SCAN, Trigger
from sandbox.written import Written


@blueprint.errorhandler(written.BadMessage)
def bad_message(error: written.BadMessage) -> tuple[Response, int]:
    """A message that cannot be written: 400."""
    return jsonify(error=str(error)), 400


@blueprint.post("/fans/<fan>/follow")
def follow(fan: str) -> Response:
    """Follow an account, by a QR code when `scene` is given; answers once the push is settled."""
    asked.fan(fan)
    data = asked.body()
    account, scene = asked.account(data.get("appid")), str(data.get("scene") or "")
    known = state().codes.permanent(account.appid, scene) if scene else None
    arrive(account, fan, scene=scene, ticket=known.ticket if known else f"ticket-{scene}")
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)


@blueprint.post("/fans/<fan>/unfollow")
def unfollow(fan: str) -> Response:
    """Stop following an account; nothing happens when the person did not follow."""
    asked.fan(fan)
    account = asked.account(asked.body().get("appid"))
    if state().fans.unfollow(account.appid, fan):
        state().windows.shut(account.appid, fan)
        push(account, fan, {"MsgType": "event", "Event": "unsubscribe", "EventKey": ""})
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)


@blueprint.post("/fans/<fan>/scan")
def scan(fan: str) -> Response:
    """Scan a QR code, by what it says in `url` or by its `ticket`.

    A code of an account leads to `{appid, openid, event}`, any other address to `{page}`. An expired
    code leaves a notice in the chat, pushes nothing and answers 410.
    """
    asked.fan(fan)
    data = asked.body()
    ticket, url = str(data.get("ticket") or ""), str(data.get("url") or "").strip()
    code = state().codes.by_ticket(ticket) if ticket else state().codes.by_url(url)
    if code:
        return jsonify(_scanned(code, fan))
    if not links.is_page(url) or urlsplit(url).netloc == urlsplit(PREFIX).netloc:
        abort(404, "no QR code has this ticket or url")
    return jsonify(page=url)


@blueprint.post("/fans/<fan>/send")
def send(fan: str) -> Response:
    """Write to an account: `{pushed, reply, attempts, problem}`, once the push is settled.

    A body of JSON carries a file as base64 in `file`, a multipart one as a file of that name. A
    `msgmenu` is a tap on an item `menu_id` of such a message; its text is in `content`. With `push` false
    the account's server is told nothing, as if it had the message already.
    """
    asked.fan(fan)
    data = {**request.form, "file": _uploaded()} if request.form else asked.body()
    account = asked.account(data.get("appid"))
    require_following(account, fan)
    message = written.read(account, data, host=host())
    trigger = MENU if data.get("msgtype") == "msgmenu" else MESSAGE
    if data.get("push") is False:
        return jsonify(_view(_written(account, fan, message, trigger), Delivery()))
    return jsonify(write(account, fan, message, trigger))


@blueprint.post("/fans/<fan>/event")
def event(fan: str) -> Response:
    """Push any event, its `fields` verbatim: `{appid, event, fields}`."""
    asked.fan(fan)
    data = asked.body()
    account, name, fields = asked.account(data.get("appid")), data.get("event"), data.get("fields", {})
    if not isinstance(name, str) or not name or not isinstance(fields, dict):
        abort(400, "event must be a name and fields an object")
    return jsonify(push(account, fan, {"MsgType": "event", "Event": name, **fields}))


def arrive(account: Account, fan: str, *, scene: str = "", ticket: str = "") -> str:
    """Follow, or come back by a code: returns the event pushed, empty for none."""
    is_new = state().fans.follow(account.appid, fan, scene=scene)
    if not is_new and not scene:
        return ""
    name, prefix, trigger = ("subscribe", "qrscene_", FOLLOW) if is_new else ("SCAN", "", SCAN)
    fields = {"MsgType": "event", "Event": name, "EventKey": f"{prefix}{scene}" if scene else ""}
    state().windows.widen(account.appid, fan, trigger)
    push(account, fan, {**fields, "Ticket": ticket} if scene else fields)
    return name


def write(account: Account, fan: str, message: Written, trigger: Trigger) -> dict[str, Any]:
    """Show a person's message in their chat, widen their window and push it."""
    prepared = _written(account, fan, message, trigger)
    return _view(prepared, pusher().deliver(prepared))


def push(account: Account, fan: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Push and wait for what comes of it: `{pushed, reply, attempts, problem}`."""
    prepared = pusher().prepare(account, fan, fields)
    return _view(prepared, pusher().deliver(prepared))


def require_following(account: Account, fan: str) -> None:
    """Only followers can write to an account or tap its menu, else 409."""
    if not state().fans.subscription(account.appid, fan).following:
        abort(409, "only followers can write to an account")


def host() -> str:
    """The sandbox's address for servers: a phone's own host name means nothing to them."""
    parts = urlsplit(request.host_url)
    if not (parts.hostname or "").endswith(".localhost"):
        return request.host_url.rstrip("/")
    return f"{parts.scheme}://127.0.0.1:{parts.port or 80}"


def _written(account: Account, fan: str, message: Written, trigger: Trigger) -> Push:
    msgtype = message.nodes["MsgType"]
    state().inbox.add(account.appid, fan, kind="sent", msgtype=msgtype, body=message.shown)
    state().windows.widen(account.appid, fan, trigger)
    return pusher().prepare(account, fan, {**message.nodes, "MsgId": pusher().new_id()})


def _scanned(code: Code, fan: str) -> dict[str, str]:
    account = asked.account(code.appid)
    if state().codes.is_over(code):
        notice = {"code": "expired_code"}
        state().inbox.add(account.appid, fan, kind="notice", msgtype="notice", body=notice)
        abort(410, "this QR code has expired")
    name = arrive(account, fan, scene=code.scene, ticket=code.ticket)
    openid = state().fans.subscription(account.appid, fan).openid
    return {"appid": account.appid, "openid": openid, "event": name}


def _uploaded() -> bytes:
    sent = request.files.get("file")
    return sent.read() if sent else b""


def _view(prepared: Push, delivery: Delivery) -> dict[str, Any]:
    reply, fields = delivery.reply, prepared.fields
    # Ids as text: 19 digits do not survive a browser's numbers.
    ids = {"MsgId": str(fields["MsgId"])} if "MsgId" in fields else {}
    return {
        "pushed": {**fields, **ids},
        "reply": {"msgtype": reply.msgtype, **reply.body} if reply else None,
        "attempts": delivery.attempts,
        "problem": delivery.problem,
    }
