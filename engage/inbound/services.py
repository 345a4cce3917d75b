"""Pushes take effect: at once while WeChat waits, or later by a worker (design §3.9, OA-2)."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engage.accounts import queries as accounts
from engage.accounts import services as journal
from engage.accounts.services import NewPush
from engage.fans import services as fans
from engage.inbound import rules
from engage.kernel import leases
from engage.kernel.db import SCOPE, Session, run_alone
from engage.kernel.leases import Attempt, Claim
from engage.notifications import services as notifications
from engage.wechat import messages, replies
from engage.wechat.envelope import Forged
from engage.wechat.messages import Message, TemplateFinished

if TYPE_CHECKING:
    from engage.accounts.models import Push


_KEPT = journal.keeping(SCOPE).cte("kept")
_KEEP = sa.select(_KEPT.c.id)
_KEEP_AND_RECOGNISE = _KEEP.add_cte(fans.recognising(_KEPT).cte("fan_seen"))
_KEEP_AND_FOLLOW = _KEEP.add_cte(fans.following(_KEPT).cte("fan_changed"))


def arrived(
    account_id: int, message: Message, *, timestamp: str, nonce: str, body: bytes, xml: bytes
) -> NewPush:
    """Give what the journal keeps of a push: `body` as it came, `xml` as it reads."""
    return NewPush(
        account_id=account_id,
        push_key=message.key,
        stamp=_digest(f"{timestamp}\n{nonce}".encode()),
        body_digest=_digest(body),
        kind=message.kind,
        openid=message.openid,
        body=xml.decode(),
    )


def receive(push: NewPush, message: Message, *, greeting: str, now: dt.datetime) -> str | None:
    """Keep a push and do what it asks for, in one transaction; gives the reply's XML, empty for none.

    None says that it came before: nothing was changed, and `reply_given` tells its reply. This runs
    for every push, so it is one statement (`kernel.db.run_alone`).
    """
    answer = rules.answer_to(message, greeting)
    reply = replies.render(answer, message, now=now) if answer else ""
    values = journal.values_of(push, now=now, reply=reply, handled_at=now)
    statement = _KEEP
    if message.is_from_a_person:
        changed = rules.follows(message)
        statement = _KEEP_AND_RECOGNISE if changed is None else _KEEP_AND_FOLLOW
        values |= fans.values_of(
            push.account_id,
            message.openid,
            following=changed is True,
            changed_at=None if changed is None else message.created_at,
            now=now,
        )
    is_new = run_alone(statement, values, lock_ms=rules.STATEMENT_MS) is not None
    return reply if is_new else None


def reply_given(session: Session, push: NewPush) -> str:
    """Give the reply to a push that came before.

    Raises:
        Forged: it did not, but carries the signature of one that did.
    """
    earlier = accounts.earlier(session, push.account_id, push_key=push.push_key, stamp=push.stamp)
    if any(row.stamp == push.stamp and row.body_digest != push.body_digest for row in earlier):
        raise Forged
    return next((row.reply for row in earlier if row.push_key == push.push_key), "")


def put_off(session: Session, push: NewPush, *, late: bool, now: dt.datetime) -> None:
    """Keep a push for a worker, which lets it take effect and, if `late`, sends the reply it owes.

    For what took too long; and for receipts of sent messages, since WeChat sends tens of thousands
    of them within minutes.

    Raises:
        Forged: the signature is that of another push.
    """
    if not journal.journal_for_later(session, push, late=late, now=now):
        reply_given(session, push)


def catch_up(session: Session, claimed: Claim, *, public_url: str, now: dt.datetime) -> None:
    """Let claimed pushes take effect. Commits nothing; what fails leaves its error on its row.

    In the order of the persons, so that two batches lock fans in one order (docs/locking.md).
    """
    for push in sorted(journal.held(session, claimed), key=lambda push: push.openid):
        if push.attempts > leases.ATTEMPTS:
            leases.give_up(push, "each attempt ended its worker")
            continue
        with Attempt(session, push, now=now):
            _handle(session, push, public_url=public_url, now=now)
            session.flush()


def _handle(session: Session, push: Push, *, public_url: str, now: dt.datetime) -> None:
    message = messages.parse(push.body.encode())
    if isinstance(message.content, TemplateFinished):
        receipt = message.content
        known = notifications.finished(session, push.account_id, receipt.msg_id, receipt.status, now=now)
        if not known and now - push.received_at < rules.RECEIPT_WAITS:
            leases.defer(push, now + rules.RECEIPT_AGAIN_AFTER)
            return
    else:
        fan_id = _take_effect(session, push.account_id, message, now=now)
        if push.late and fan_id is not None:
            _reply_late(session, push, message, fan_id, public_url=public_url, now=now)
    leases.settle(push)
    push.handled_at = push.handled_at or now  # what a replay does was done before


def _take_effect(session: Session, account_id: int, message: Message, *, now: dt.datetime) -> int | None:
    """Do what `receive` does beside keeping the push; gives the fan's id. Safe to repeat, in any order."""
    if not message.is_from_a_person:
        return None
    changed = rules.follows(message)
    if changed is None:
        return fans.recognise(session, account_id, message.openid, now=now)
    change = fans.follow if changed else fans.unfollow
    return change(session, account_id, message.openid, changed_at=message.created_at, now=now)


def _reply_late(
    session: Session, push: Push, message: Message, fan_id: int, *, public_url: str, now: dt.datetime
) -> None:
    """Write the reply that WeChat's five seconds were too short for, once, as a customer-service message."""
    account = accounts.account(session, push.account_id)
    greeting = rules.welcome(account.welcome, public_url=public_url, slug=account.slug)
    answer = rules.answer_to(message, greeting)
    if answer:
        late = notifications.late_reply(push.id, account.id, fan_id, answer.content)
        notifications.write(session, late, now=now)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
