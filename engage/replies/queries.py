"""Reading automatic replies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engage.accounts.menus import queries as menus
from engage.accounts.rules import linked
from engage.coupons import queries as coupons
from engage.coupons.queries import Offer
from engage.coupons.rules import is_over
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.qrcodes import queries as qrcodes
from engage.replies import book, rules
from engage.replies.book import Answer, Book, Keywords
from engage.replies.errors import OfferOver, OfferUsedUp
from engage.replies.models import ReplyPicture, ReplyRule
from engage.tenancy import queries as tenancy
from engage.wechat.replies import Card

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount


def read_book(session: Session, account: OfficialAccount, *, public_url: str, now: dt.datetime) -> Book:
    """Read all that an account answers: a handful of statements, however many replies.

    What cannot be sent now is left out: what is off, a picture that WeChat has not got (yet), a coupon
    that is not given any more.
    """
    pages_url = rules.pages_url(public_url, account.slug)
    found = [rule for rule in replies(session, account.id) if rule.is_on]
    answers = _answers(session, found, pages_url=pages_url, now=now)
    welcome = next((answers.get(rule.id) for rule in found if rule.kind == rules.WELCOME), None)
    return book.book_of(
        welcome=welcome,
        keywords=[
            Keywords(rule.match or "", [rules.normal(word) for word in rule.words], answers[rule.id])
            for rule in found
            if rule.kind == rules.KEYWORD and rule.id in answers
        ],
        by_scene=_linked(qrcodes.welcomes(session, account.id), pages_url),
        by_click=_linked(menus.fixed_replies(session, account.id), pages_url),
    )


def replies(session: Session, account_id: int, *, afresh: bool = False) -> Sequence[ReplyRule]:
    """Give an account's welcome, if it has one, then its keyword replies in their order.

    With `afresh` also those that were read before are as they are by now.
    """
    return session.scalars(
        sa.select(ReplyRule)
        .where(ReplyRule.account_id == account_id)
        .order_by(ReplyRule.kind.desc(), ReplyRule.position, ReplyRule.id)
        .execution_options(populate_existing=afresh)
    ).all()


def reply(session: Session, rule_id: int, *, for_update: bool = False) -> ReplyRule:
    """Give one reply; locked if asked, and then as it is by now.

    Raises:
        NotFound: there is none with this id.
    """
    key = (session.tenant_id, rule_id)
    found = session.get(ReplyRule, key, with_for_update=for_update, populate_existing=for_update)
    if found is None:
        raise NotFound(reply=rule_id)
    return found


def welcome(session: Session, account_id: int) -> ReplyRule | None:
    """Give what an account answers to who begins to follow, also while it is off."""
    return session.scalar(
        sa.select(ReplyRule).where(ReplyRule.account_id == account_id, ReplyRule.kind == rules.WELCOME)
    )


def offer(session: Session, rule_id: int, account_id: int) -> Offer | None:
    """Give the coupon that a reply of an account leads to; None where the reply gives none, or is gone."""
    rule = session.get(ReplyRule, (session.tenant_id, rule_id))
    if rule is None or rule.account_id != account_id or not rule.is_on or rule.coupon_id is None:
        return None
    return coupons.by_ids(session, [rule.coupon_id]).get(rule.coupon_id)


def taken(session: Session, rule_id: int, fan_id: int) -> int | None:
    """Give the grant that a fan took from a reply, if any."""
    rule = session.get(ReplyRule, (session.tenant_id, rule_id))
    if rule is None or rule.coupon_id is None:
        return None
    return coupons.of_cause(session, rule.coupon_id, fan_id, cause=rules.CAUSE, cause_id=rule_id)


def why_not(session: Session, offered: Offer | None, *, now: dt.datetime) -> OfferOver | OfferUsedUp | None:
    """Say why nobody can take a reply's coupon; None while it can be taken."""
    if offered is None or not rules.is_offered(offered.state, online=offered.online):
        return OfferOver()
    if is_over(offered.terms, now, tenancy.tenant(session).zone):
        return OfferOver()
    return OfferUsedUp() if offered.stock is not None and offered.granted >= offered.stock else None


def pictures(session: Session, account_id: int) -> Mapping[str, ReplyPicture]:
    """Give the pictures of an account's replies by their keys in `kernel.files`."""
    rows = session.scalars(sa.select(ReplyPicture).where(ReplyPicture.account_id == account_id))
    return {row.file: row for row in rows}


def is_shown(session: Session, account_id: int, file: str) -> bool:
    """Whether a picture belongs to the replies of an account, which anybody may see."""
    where = ReplyPicture.account_id == account_id, ReplyPicture.file == file
    return session.scalar(sa.select(sa.exists().where(*where))) or False


def standing(
    rule: ReplyRule, offers: Mapping[int, Offer], held: Mapping[str, ReplyPicture], *, now: dt.datetime
) -> str:
    """Say how a reply stands: one of `rules.STANDINGS`."""
    if not rule.is_on:
        return rules.OFF
    content = rule.content
    if content.kind == rules.IMAGE:
        picture = held.get(content.file or "")
        if picture is None or not rules.is_kept(picture.uploaded_at, now):
            return rules.NO_PICTURE if picture is None or picture.reason else rules.WAITING
    if content.kind == rules.COUPON:
        offered = offers.get(content.coupon_id or 0)
        if offered is None or not rules.is_offered(offered.state, online=offered.online):
            return rules.NO_COUPON
    return rules.ON


def backlog(session: Session, *, now: dt.datetime) -> Backlog:
    """Give how many pictures are to be handed to WeChat now, and how many nobody hands any more."""
    given_up = ReplyPicture.available_at.is_(None) & ReplyPicture.error.is_not(None)
    is_due = ReplyPicture.available_at <= now
    row = session.execute(
        sa.select(
            sa.func.count().filter(is_due),
            sa.func.min(ReplyPicture.available_at).filter(is_due),
            sa.func.count().filter(given_up),
        )
    ).one()
    return Backlog(rules.QUEUE, row[0], row[1], row[2])


def _answers(
    session: Session, found: Sequence[ReplyRule], *, pages_url: str, now: dt.datetime
) -> Mapping[int, Answer]:
    kept = _kept(session, [rule for rule in found if rule.file is not None], now=now)
    offers = coupons.by_ids(session, [rule.coupon_id for rule in found if rule.coupon_id is not None])
    answers = {}
    for rule in found:
        answer = _answer(rule, kept, offers, pages_url)
        if answer is not None:
            answers[rule.id] = answer
    return answers


def _linked(texts: Mapping[str, str], pages_url: str) -> Mapping[str, str]:
    return {key: linked(text, pages_url) for key, text in texts.items()}


def _kept(session: Session, found: Sequence[ReplyRule], *, now: dt.datetime) -> Mapping[str, book.Picture]:
    """Give the pictures of replies that WeChat has."""
    if not found:
        return {}
    return {
        row.file: book.Picture(row.media_id, row.file, row.width, row.height)
        for row in pictures(session, found[0].account_id).values()
        if row.media_id is not None and rules.is_kept(row.uploaded_at, now)
    }


def _answer(
    rule: ReplyRule, kept: Mapping[str, book.Picture], offers: Mapping[int, Offer], pages_url: str
) -> Answer | None:
    content = rule.content
    shown = rules.picture_url(pages_url, content.file) if content.file else ""
    if content.kind == rules.TEXT:
        return book.text_answer(linked(content.text, pages_url), rule.id)
    if content.kind == rules.IMAGE:
        picture = kept.get(content.file or "")
        return book.picture_answer(picture, rule.id) if picture else None
    if content.kind == rules.NEWS:
        url = linked(content.url, pages_url)
        return book.card_answer(Card(content.title, content.text, shown, url), rule.id)
    offered = offers.get(content.coupon_id or 0)
    if offered is None or not rules.is_offered(offered.state, online=offered.online):
        return None
    url = rules.offer_url(pages_url, rule.id)
    return book.card_answer(Card(content.title or offered.name, content.text, shown, url), rule.id)
