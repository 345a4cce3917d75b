"""WeChat's callback (design §3.9): journal, fan and answer in one transaction, well within five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue

from engage.accounts import queries as accounts
from engage.accounts import services as journal
from engage.blueprints.guard import OpenBlueprint
from engage.fans import services as fans
from engage.kernel import clock, directory
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import Malformed, NotFound
from engage.wechat import callbacks
from engage.wechat.callbacks import Message

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

bp = OpenBlueprint("hooks_wechat", __name__, url_prefix="/hooks/wechat")

SIGNED = "WeChat signs each request with the account's token"


@bp.open("/<app_id>", reason=SIGNED)
def check(app_id: str) -> ResponseReturnValue:
    """Answer the check of the address with what it sent (WeChat §1)."""
    with tenant_scope(_tenant(app_id)), unit_of_work() as session:
        _check(accounts.by_app_id(session, app_id))
    return Response(request.args.get("echostr", ""), content_type="text/plain")


@bp.open("/<app_id>", reason=SIGNED, methods=("POST",))
def push(app_id: str) -> ResponseReturnValue:
    """Keep what was pushed and answer it; a repeat gets the answer of the first."""
    if (request.content_length or 0) > callbacks.MAX_BODY:
        raise Malformed
    body = request.get_data(cache=False)
    with tenant_scope(_tenant(app_id)), unit_of_work() as session:
        account = accounts.by_app_id(session, app_id)
        _check(account)
        message = callbacks.parse(body)
        reply = _take_in(session, account, message, body.decode("utf-8", "replace"))
    content_type = "application/xml" if reply else "text/plain"
    return Response(reply or "success", content_type=f"{content_type}; charset=utf-8")


def _take_in(session: Session, account: OfficialAccount, message: Message, body: str) -> str:
    now = clock.now()
    kept = journal.journal(
        session,
        account.id,
        push_key=message.key,
        kind=message.kind,
        body=body,
        is_receipt=message.is_receipt,
        now=now,
    )
    if kept is None:
        return journal.earlier_reply(session, account.id, message.key)
    if message.kind == "event:subscribe":
        fans.follow(session, account.id, message.openid, changed_at=message.created_at, now=now)
        kept.reply = callbacks.text_reply(message, _welcome(account)) if account.welcome else ""
    elif message.kind == "event:unsubscribe":
        fans.unfollow(session, account.id, message.openid, changed_at=message.created_at, now=now)
    elif message.is_from_a_person:
        fans.recognise(session, account.id, message.openid, now=now)
    return kept.reply


def _welcome(account: OfficialAccount) -> str:
    page = url_for("patient_booking.choose", account=account.slug)
    return account.welcome.replace("{booking}", current_app.config["PUBLIC_URL"] + page)


def _check(account: OfficialAccount) -> None:
    callbacks.check(
        token=account.token,
        signature=request.args.get("signature", ""),
        timestamp=request.args.get("timestamp", ""),
        nonce=request.args.get("nonce", ""),
        now=clock.real_now(),
    )


def _tenant(app_id: str) -> int:
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "app_id", app_id)
    if tenant_id is None:
        raise NotFound(app_id=app_id)
    return tenant_id
