"""Writing replies: the welcome, and those to words, in their order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.accounts import queries as accounts
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.coupons import queries as coupons
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid
from engage.replies import queries, rules
from engage.replies.errors import Stale, TooMany
from engage.replies.models import ReplyRule
from engage.replies.rules import Content
from engage.replies.services.pictures import use


@dataclass(frozen=True, slots=True)
class NewReply:
    """What the form of a reply holds; a welcome's `match` and `words` are left out."""

    content: Content
    match: str | None = None
    words: Sequence[str] = ()
    is_on: bool = True


def set_welcome(
    session: Session,
    account_id: int,
    content: Content,
    *,
    is_on: bool = True,
    version: int | None = None,
    by: Actor,
    now: dt.datetime,
) -> ReplyRule:
    """Write what an account answers to who begins to follow. `version` is what was on the screen, 0 for none.

    Raises:
        NotFound: there is no such account.
        Stale: it was changed since `version`.
        Invalid: it cannot be sent.
    """
    _locked_account(session, account_id)
    rule = queries.welcome(session, account_id)
    if rule is not None:
        seen = rule.version if version is None else version
        return change(session, rule.id, NewReply(content, is_on=is_on), version=seen, by=by, now=now)
    if version:
        raise Stale
    return _insert(session, account_id, rules.WELCOME, NewReply(content, is_on=is_on), 0, by=by, now=now)


def add(session: Session, account_id: int, new: NewReply, *, by: Actor, now: dt.datetime) -> ReplyRule:
    """Add a reply to words behind all others.

    Raises:
        NotFound: there is no such account.
        TooMany: the account has as many as it may have.
        Invalid: it cannot be sent, or answers no word.
    """
    _locked_account(session, account_id)
    last, count = session.execute(
        sa.select(sa.func.max(ReplyRule.position), sa.func.count()).where(
            ReplyRule.account_id == account_id, ReplyRule.kind == rules.KEYWORD
        )
    ).one()
    if count >= rules.MOST_RULES:
        raise TooMany(most=rules.MOST_RULES)
    return _insert(session, account_id, rules.KEYWORD, new, (last or 0) + 1, by=by, now=now)


def change(
    session: Session, rule_id: int, new: NewReply, *, version: int, by: Actor, now: dt.datetime
) -> ReplyRule:
    """Change a reply. Saying the same again changes nothing.

    Raises:
        NotFound: there is no such reply.
        Stale: it was changed since `version`.
        Invalid: it cannot be sent, or answers no word.
    """
    rule = queries.reply(session, rule_id, for_update=True)
    if rule.version != version:
        raise Stale
    _check(session, rule.account_id, rule.kind, new)
    wished = _columns(rule.kind, new)
    changed = [name for name, value in wished.items() if getattr(rule, name) != value]
    for name in changed:
        setattr(rule, name, wished[name])
    if changed:
        rule.version, rule.changed_at = rule.version + 1, now
        subject = ("reply", rule_id)
        audit.record(session, "reply.changed", by=by, subject=subject, now=now, fields=changed)
    use(session, rule, now=now)
    session.flush()
    return rule


def switch(session: Session, rule_id: int, *, is_on: bool, by: Actor, now: dt.datetime) -> ReplyRule:
    """Let a reply be given, or not. Repeating it changes nothing.

    Raises:
        NotFound: there is no such reply.
    """
    rule = queries.reply(session, rule_id, for_update=True)
    if rule.is_on != is_on:
        rule.is_on, rule.version, rule.changed_at = is_on, rule.version + 1, now
        action = "reply.switched_on" if is_on else "reply.switched_off"
        audit.record(session, action, by=by, subject=("reply", rule_id), now=now)
    use(session, rule, now=now)
    session.flush()
    return rule


def move(session: Session, rule_id: int, *, up: bool, by: Actor, now: dt.datetime) -> None:
    """Let a reply to words change places with its neighbour; at the end of the list nothing changes.

    Raises:
        NotFound: there is no such reply.
    """
    account_id = queries.reply(session, rule_id).account_id
    _locked_account(session, account_id)
    found = queries.replies(session, account_id, afresh=True)
    rows = [rule for rule in found if rule.kind == rules.KEYWORD]
    at = next((index for index, rule in enumerate(rows) if rule.id == rule_id), None)
    if at is None:  # the welcome stands by itself
        return
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for position, rule in enumerate(rows):
        rule.position = position
    audit.record(session, "reply.moved", by=by, subject=("reply", rule_id), now=now, fields=["position"])
    session.flush()


def remove(session: Session, rule_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Delete a reply; coupons that were taken from it stay.

    Raises:
        NotFound: there is no such reply.
    """
    rule = queries.reply(session, rule_id, for_update=True)
    session.delete(rule)
    audit.record(session, "reply.removed", by=by, subject=("reply", rule_id), now=now)
    session.flush()


def _insert(
    session: Session,
    account_id: int,
    kind: str,
    new: NewReply,
    position: int,
    *,
    by: Actor,
    now: dt.datetime,
) -> ReplyRule:
    _check(session, account_id, kind, new)
    rule = ReplyRule(
        account_id=account_id,
        kind=kind,
        position=position,
        version=1,
        created_at=now,
        changed_at=now,
        **_columns(kind, new),
    )
    session.add(rule)
    session.flush()
    audit.record(session, "reply.created", by=by, subject=("reply", rule.id), now=now)
    use(session, rule, now=now)
    return rule


def _columns(kind: str, new: NewReply) -> dict[str, object]:
    answers_words = kind == rules.KEYWORD
    return {
        "match": new.match if answers_words else None,
        "words": list(new.words) if answers_words else [],
        "answer": new.content.as_data(),
        "coupon_id": new.content.coupon_id,
        "file": new.content.file,
        "is_on": new.is_on,
    }


def _check(session: Session, account_id: int, kind: str, new: NewReply) -> None:
    """Raise `Invalid` with a sentence for each field that is wrong."""
    wrong = dict(rules.problems(new.content))
    if kind == rules.KEYWORD:
        if new.match not in rules.MATCHES:
            wrong["match"] = N_("Please choose how the words are compared.")
        if sentence := rules.wrong_words(new.words):
            wrong["words"] = sentence
    coupon_id, file = new.content.coupon_id, new.content.file
    if coupon_id is not None:
        offered = coupons.by_ids(session, [coupon_id]).get(coupon_id)
        if offered is None or not rules.is_offered(offered.state, online=offered.online):
            wrong["coupon"] = N_("Please choose a coupon from the list.")
    if file is not None and not queries.is_shown(session, account_id, file):
        wrong["picture"] = N_("Please choose a picture.")
    if wrong:
        raise Invalid({field: [sentence] for field, sentence in wrong.items()})


def _locked_account(session: Session, account_id: int) -> None:
    """Let changes of the account's list come one after the other."""
    accounts.account(session, account_id, for_update=True)
