"""The control API under `/sandbox/v1` (design §5, contract A): tests and demos drive people through it."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from sandbox.pusher import Delivery, Push, pusher
from sandbox.state import state
from sandbox.state.accounts import Account, BadAccount
from sandbox.state.fans import BadFan, Fan
from sandbox.state.faults import BadFault

blueprint = Blueprint("control", __name__, url_prefix="/sandbox/v1")


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


@blueprint.post("/accounts")
def put_account() -> Response:
    """Create an account, or update the one with this app id; `templates` are added or replaced."""
    return jsonify(_account_view(state().accounts.put(_body())))


@blueprint.get("/accounts")
def accounts() -> Response:
    """All accounts, secrets included."""
    return jsonify([_account_view(account) for account in state().accounts.all()])


@blueprint.post("/accounts/<appid>/verify")
def verify(appid: str) -> Response:
    """Check the callback as WeChat's configuration page does: `{ok, status | problem}`."""
    return jsonify(pusher().verify(_account(appid)))


@blueprint.post("/fans")
def put_fan() -> Response:
    """Create a person; an id chosen in `fan` makes the call idempotent."""
    return jsonify(asdict(state().fans.put(_body())))


@blueprint.get("/fans")
def fans() -> Response:
    """All people."""
    return jsonify([asdict(fan) for fan in state().fans.all()])


@blueprint.post("/fans/<fan>/follow")
def follow(fan: str) -> Response:
    """Follow an account, by a QR code when `scene` is given; answers once the push is settled."""
    person, data = _fan(fan), _body()
    account, scene = _account(data.get("appid")), str(data.get("scene") or "")
    is_new = state().fans.follow(account.appid, fan, scene=scene)
    if is_new:
        key = f"qrscene_{scene}" if scene else ""
        _push_event(account, person, "subscribe", key=key, ticket=scene)
    elif scene:
        _push_event(account, person, "SCAN", key=scene, ticket=scene)
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)


@blueprint.post("/fans/<fan>/unfollow")
def unfollow(fan: str) -> Response:
    """Stop following an account; nothing happens when the person did not follow."""
    person, account = _fan(fan), _account(_body().get("appid"))
    if state().fans.unfollow(account.appid, fan):
        _push_event(account, person, "unsubscribe")
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)


@blueprint.post("/fans/<fan>/scan")
def scan(fan: str) -> Response:
    """Scan a QR code: refused, as no code is known."""
    _fan(fan)
    abort(404, "no QR code has this ticket or url")


@blueprint.post("/fans/<fan>/send")
def send(fan: str) -> Response:
    """Write to an account: `{pushed, reply, attempts, problem}`, once the push is settled."""
    person, data = _fan(fan), _body()
    account, content = _account(data.get("appid")), data.get("content")
    if data.get("msgtype", "text") != "text":
        abort(400, "msgtype must be text")
    if not isinstance(content, str) or not content.strip():
        abort(400, "content must not be empty")
    if not state().fans.subscription(account.appid, fan).following:
        abort(409, "only followers can write to an account")
    state().inbox.add(account.appid, fan, kind="sent", msgtype="text", body={"content": content})
    push = pusher().prepare(
        account, person.fan, {"MsgType": "text", "Content": content, "MsgId": pusher().new_id()}
    )
    return jsonify(_delivery_view(push, pusher().deliver(push)))


@blueprint.get("/fans/<fan>/inbox")
def inbox(fan: str) -> Response:
    """What the person received after `after`; `all=1` adds what they wrote and the app's notices."""
    _fan(fan)
    entries = state().inbox.of(
        fan,
        appid=request.args.get("appid", ""),
        after=_after(),
        whole=request.args.get("all") == "1",
    )
    return jsonify(entries)


@blueprint.get("/fans/<fan>/openid")
def openid(fan: str) -> Response:
    """The person's openid for an account."""
    _fan(fan)
    account = _account(request.args.get("appid"))
    return jsonify(openid=state().fans.subscription(account.appid, fan).openid)


@blueprint.post("/faults")
def add_fault() -> Response:
    """Put a fault in force: `{id}`.

    `match.path` may hold `*`; pushes have the path `push/<event or message type>`.
    """
    return jsonify(id=state().faults.add(_body()).id)


@blueprint.get("/faults")
def faults() -> Response:
    """The faults in force."""
    return jsonify([asdict(fault) for fault in state().faults.all()])


@blueprint.delete("/faults")
def lift_faults() -> Response:
    """Lift all faults."""
    state().faults.clear()
    return jsonify({})


@blueprint.delete("/faults/<int:fault_id>")
def lift_fault(fault_id: int) -> Response:
    """Lift one fault."""
    if not state().faults.remove(fault_id):
        abort(404, "no such fault")
    return jsonify({})


@blueprint.post("/clock")
def clock() -> Response:
    """Move the sandbox's clock: `{offset_seconds, now}`. Pushes keep the real time."""
    seconds = _body().get("advance_seconds")
    if not isinstance(seconds, int | float):
        abort(400, "advance_seconds must be a number")
    offset = state().clock.advance(seconds)
    return jsonify(offset_seconds=offset, now=int(state().clock.now()))


@blueprint.get("/calls")
def calls() -> Response:
    """The newest API calls received; tokens and secrets are not kept."""
    args = request.args
    return jsonify(state().calls.after(_after(), appid=args.get("appid", ""), path=args.get("path", "")))


@blueprint.get("/pushes")
def pushes() -> Response:
    """The newest pushes sent, with every attempt."""
    args = request.args
    return jsonify(state().pushes.after(_after(), appid=args.get("appid", ""), label=args.get("label", "")))


@blueprint.get("/counters")
def counters() -> Response:
    """Calls counted today: `{day, counts: {appid: {path: n}}}`."""
    return jsonify(state().counters.today())


@blueprint.post("/reset")
def reset() -> Response:
    """Forget everything."""
    state().reset()
    return jsonify({})


def _body() -> dict[str, Any]:
    data = request.get_json(silent=True)
    if not isinstance(data, dict):
        abort(400, "the body must be a JSON object")
    return data


def _after() -> int:
    after = request.args.get("after", "0")
    if not after.isdigit():
        abort(400, "after must be a number")
    return int(after)


def _fan(fan: str) -> Fan:
    return state().fans.get(fan) or abort(404, "no such fan")


def _account(appid: object) -> Account:
    return state().accounts.get(str(appid or "")) or abort(404, "no such account")


def _push_event(account: Account, person: Fan, event: str, *, key: str = "", ticket: str = "") -> None:
    fields: dict[str, Any] = {"MsgType": "event", "Event": event, "EventKey": key}
    if ticket:
        fields["Ticket"] = f"ticket-{ticket}"
    pusher().deliver(pusher().prepare(account, person.fan, fields))


def _account_view(account: Account) -> dict[str, Any]:
    templates = [
        {"template_id": template.template_id, "title": template.title, "content": template.content}
        for template in state().accounts.templates(account.appid)
    ]
    return {**asdict(account), "templates": templates}


def _delivery_view(push: Push, delivery: Delivery) -> dict[str, Any]:
    reply = delivery.reply
    return {
        # Ids as text: 19 digits do not survive a browser's numbers.
        "pushed": {**push.fields, "MsgId": str(push.fields["MsgId"])},
        "reply": {"msgtype": reply.msgtype, **reply.body} if reply else None,
        "attempts": delivery.attempts,
        "problem": delivery.problem,
    }
