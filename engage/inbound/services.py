"""Pushes take effect: at once while WeChat waits, or later by a worker (design §3.9, OA-2)."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from engage.accounts import queries as accounts
from engage.accounts import services as journal
from engage.accounts.services import NewPush
from engage.chat import reading
from engage.chat import rules as chat_rules
from engage.chat import services as chat
from engage.fans import queries as fan_queries
from engage.fans import services as fans
from engage.inbound import rules
from engage.kernel import leases, outbox
from engage.kernel.db import SCOPE, Session, run_alone
from engage.kernel.leases import Attempt, Claim
from engage.notifications import services as notifications
from engage.privacy import services as privacy
from engage.replies.book import Answer, Book
from engage.replies.queries import read_book
from engage.wechat import messages, replies
from engage.wechat.envelope import Forged
from engage.wechat.messages import ConsentRevoked, Message, ProfileChanged, Scanned, TemplateFinished

if TYPE_CHECKING:
    from engage.accounts.models import Push


_KEPT = journal.keeping(SCOPE).cte("kept")
_KEEP = sa.select(_KEPT.c.id)
_SEEN = fans.recognising(_KEPT).cte("fan_seen")
_KEEP_AND_RECOGNISE = _KEEP.add_cte(_SEEN)
_WIDENED = chat.widening(_SEEN)
_KEEP_AND_WIDEN = _KEEP.add_cte(_WIDENED)
_KEEP_WIDEN_AND_ANSWER = _KEEP_AND_WIDEN.add_cte(chat.answering(_WIDENED))
_KEEP_AND_HEAR = _KEEP.add_cte(*chat.arriving(_SEEN, _KEPT))
_KEEP_HEAR_AND_ANSWER = _KEEP.add_cte(*chat.arriving(_SEEN, _KEPT, answered=True))
_KEEP_AND_FETCH = _KEEP.add_cte(*chat.arriving(_SEEN, _KEPT, fetch=True))
_CHANGED = fans.following(_KEPT).cte("fan_changed")
_WHO_CHANGED, _CHANGE = _CHANGED.join(_KEPT, sa.true()), {"fan_id": _CHANGED.c.id, "push_id": _KEPT.c.id}
_KEEP_AND_FOLLOW = _KEEP.add_cte(
    _CHANGED, *outbox.recording(_WHO_CHANGED, **_CHANGE, is_first=~fan_queries.followed_before())
)
_WIDENED_BY_FOLLOW = chat.widening(_CHANGED)
_KEEP_FOLLOW_AND_WIDEN = _KEEP_AND_FOLLOW.add_cte(_WIDENED_BY_FOLLOW)
_KEEP_FOLLOW_WIDEN_AND_ANSWER = _KEEP_FOLLOW_AND_WIDEN.add_cte(chat.answering(_WIDENED_BY_FOLLOW))
_KEEP_FOLLOW_AND_LEAVE = _KEEP.add_cte(
    _CHANGED, *outbox.recording(_WHO_CHANGED, **_CHANGE), chat.leaving(_CHANGED)
)
_SCAN = outbox.recording(_SEEN.join(_KEPT, sa.true()), fan_id=_SEEN.c.id, push_id=_KEPT.c.id)
_KEEP_WIDEN_AND_COUNT = _KEEP_AND_WIDEN.add_cte(*_SCAN)
_KEEP_WIDEN_ANSWER_AND_COUNT = _KEEP_WIDEN_AND_ANSWER.add_cte(*_SCAN)


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


def receive(push: NewPush, message: Message, *, book: Book, now: dt.datetime) -> str | None:
    """Keep a push and do what it asks for, in one transaction; gives the reply's XML, empty for none.

    What is answered stands in the account's `book`, and then in the conversation, if there is one.

    None says that it came before: nothing was changed, and `reply_given` tells its reply. This runs
    for every push, so it is one statement (`kernel.db.run_alone`).
    """
    answer = book.answer(message)
    reply = replies.render(answer.reply, message, now=now) if answer else ""
    asked = _asked(push, message, answer, now=now)
    values = journal.values_of(push, now=now, reply=reply, handled_at=now) | asked.values
    is_new = run_alone(asked.statement, values, rings=asked.rings, hinted=asked.hinted) is not None
    return reply if is_new else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a push asks for: a statement, its values, queues to ring for, whether screens are told."""

    statement: sa.Executable
    values: dict[str, Any]
    rings: tuple[str, ...] = ()
    hinted: bool = False


def _asked(push: NewPush, message: Message, answer: Answer | None, *, now: dt.datetime) -> _Asked:
    if not message.is_from_a_person:
        return _Asked(_KEEP, {})
    changed = rules.follows(message)
    values = fans.values_of(
        push.account_id,
        message.openid,
        following=rules.shows_a_follower(message) if changed is None else changed,
        changed_at=None if changed is None else message.created_at,
        now=now,
    )
    at = chat_rules.time_of(message.created_at, now)
    trigger = reading.trigger_of(message)
    if trigger is not None:
        values |= chat.values_of_window(trigger, at=at, now=now)
    if answer is not None:
        values |= chat.values_of_answer(answer.shown)
    if changed is not None:
        event = "fan.followed" if changed else "fan.left"
        values |= outbox.values_of(event, now=now, **rules.told_of(message))
        following = _KEEP_FOLLOW_AND_WIDEN if answer is None else _KEEP_FOLLOW_WIDEN_AND_ANSWER
        statement = following if changed else _KEEP_FOLLOW_AND_LEAVE
        return _Asked(statement, values, (outbox.QUEUE,), hinted=True)
    if isinstance(message.content, Scanned):
        values |= outbox.values_of("fan.scanned", now=now, **rules.told_of(message))
        statement = _KEEP_WIDEN_AND_COUNT if answer is None else _KEEP_WIDEN_ANSWER_AND_COUNT
        return _Asked(statement, values, (outbox.QUEUE,), hinted=answer is not None)
    arrival = reading.arrival_of(message)
    if arrival is not None:
        values |= chat.values_of_arrival(arrival, at=at, now=now)
        fetch = reading.is_fetched(arrival)
        if fetch:
            return _Asked(_KEEP_AND_FETCH, values, (chat_rules.MEDIA,), hinted=True)
        statement = _KEEP_AND_HEAR if answer is None else _KEEP_HEAR_AND_ANSWER
        return _Asked(statement, values, hinted=True)
    if trigger is None:
        return _Asked(_KEEP_AND_RECOGNISE, values)
    return _Asked(
        _KEEP_AND_WIDEN if answer is None else _KEEP_WIDEN_AND_ANSWER, values, hinted=answer is not None
    )


def reply_given(session: Session, push: NewPush) -> str:
    """Give the reply to a push that came before.

    Raises:
        Forged: it did not, but carries the signature of one that did.
    """
    earlier = accounts.earlier(session, push.account_id, push_key=push.push_key, stamp=push.stamp)
    if any(row.stamp == push.stamp and row.body_digest != push.body_digest for row in earlier):
        raise Forged
    return next((row.reply for row in earlier if row.push_key == push.push_key), "")


def put_off(session: Session, push: NewPush, *, late: bool, now: dt.datetime) -> str:
    """Keep a push for a worker, which lets it take effect and, if `late`, sends the reply it owes.

    For what took too long, and for what `rules.is_for_a_worker` names. Gives the reply to a push that
    came before: another copy may have been done meanwhile.

    Raises:
        Forged: the signature is that of another push.
    """
    is_new = journal.journal_for_later(session, push, late=late, now=now)
    return "" if is_new else reply_given(session, push)


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
    match message.content:
        case TemplateFinished(msg_id=msg_id, status=status):
            if not notifications.finished(session, push.account_id, msg_id, status, now=now):
                again_at = rules.receipt_again_at(push.received_at, now)
                if again_at is not None:
                    leases.defer(push, again_at)
                    return
        case ProfileChanged(openid=openid) | ConsentRevoked(openid=openid):
            picture = fans.forget_profile(session, push.account_id, openid)
            privacy.forget_files(session, [picture] if picture else [], now=now)
        case _:
            fan_id = _take_effect(session, push, message, now=now)
            if push.late and fan_id is not None:
                _reply_late(session, push, message, fan_id, public_url=public_url, now=now)
    leases.settle(push)
    push.handled_at = push.handled_at or now  # what a replay does was done before


def _take_effect(session: Session, push: Push, message: Message, *, now: dt.datetime) -> int | None:
    """Do what `receive` does beside keeping the push; gives the fan's id. Safe to repeat, in any order."""
    if not message.is_from_a_person:
        return None
    who, changed, seen_at = (push.account_id, message.openid), rules.follows(message), push.received_at
    is_first = changed is True and not fan_queries.has_followed(session, *who)
    if changed is None:
        fan_id = fans.recognise(session, *who, follows=rules.shows_a_follower(message), now=seen_at)
    else:
        change = fans.follow if changed else fans.unfollow
        fan_id = change(session, *who, changed_at=message.created_at, now=seen_at)
    if push.handled_at is None:  # it was told before what a replay does
        _tell(session, push, message, fan_id, is_first=is_first, now=now)
    _reach_the_chat(session, push, message, fan_id, now=now)
    return fan_id


def _tell(
    session: Session, push: Push, message: Message, fan_id: int, *, is_first: bool, now: dt.datetime
) -> None:
    """Record the event of a follow, a leave or a scan, and shut the window of who left."""
    told = {"fan_id": fan_id, "push_id": push.id, **rules.told_of(message)}
    match rules.follows(message):
        case True:
            outbox.record(session, "fan.followed", now=now, is_first=is_first, **told)
        case False:
            outbox.record(session, "fan.left", now=now, **told)
            if not fan_queries.follows(session, fan_id):  # they may have come back before we heard of it
                chat.left(session, fan_id)
        case None if isinstance(message.content, Scanned):
            outbox.record(session, "fan.scanned", now=now, **told)


def _reach_the_chat(session: Session, push: Push, message: Message, fan_id: int, *, now: dt.datetime) -> None:
    at = chat_rules.time_of(message.created_at, push.received_at)
    arrival, trigger = reading.arrival_of(message), reading.trigger_of(message)
    if arrival is not None:
        chat.arrived(session, push.account_id, fan_id, push.id, arrival, at=at, now=now)
    elif trigger is not None and push.handled_at is None:
        chat.window_opened(session, fan_id, trigger, at=at, now=now)


def _reply_late(
    session: Session, push: Push, message: Message, fan_id: int, *, public_url: str, now: dt.datetime
) -> None:
    """Write the reply that WeChat's five seconds were too short for, once, as a customer-service message.

    Nothing goes to who has left meanwhile, or once the window for it has closed.
    """
    account = accounts.account(session, push.account_id)
    answer = read_book(session, account, public_url=public_url, now=now).answer(message)
    in_time = now - push.received_at < rules.LATE_REPLY_WITHIN
    if answer and in_time and fan_queries.fan(session, fan_id).following:
        late = notifications.late_reply(push.id, account.id, fan_id, rules.as_custom(answer.reply))
        notifications.write(session, late, now=now)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
