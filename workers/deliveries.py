"""Sending messages: claimed, let out one by one, sent with no transaction open, settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import current_app

from engage.accounts import queries as accounts
from engage.chat import services as chat
from engage.fans import queries as fans
from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.notifications import services
from engage.notifications.services import Parcel
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import Outcome, Refused, Sent, Unheard
from engage.wechat.outgoing import Content, Image, News, Text

# Sending one takes up to 22 seconds when WeChat hangs, token and message; a batch must end within its lease.
BATCH = 2


@dataclass(frozen=True, slots=True)
class _Letter:
    """A parcel with all that sending needs."""

    parcel: Parcel
    account: Credentials
    openid: str
    client_msg_id: str


def drain() -> None:
    """Send the tenant's due messages, a batch at a time."""
    with unit_of_work() as session:
        marks = due.seen(session, services.QUEUE, now=clock.now())
    while True:
        with unit_of_work() as session:
            claimed, parcels = services.claim(session, now=clock.now(), batch=BATCH)
            letters = _addressed(session, parcels)
        if not claimed:
            break
        outcomes = {letter.parcel.id: _send(letter) for letter in letters if _is_let_out(letter.parcel)}
        _count_in_the_chat(parcels, outcomes)
        with unit_of_work() as session:
            services.settle(session, claimed, outcomes, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, services.QUEUE, marks, next_at=services.next_at(session))


def _addressed(session: Session, parcels: Sequence[Parcel]) -> list[_Letter]:
    letters = []
    for parcel in parcels:
        account = accounts.account(session, parcel.account_id)
        letters.append(
            _Letter(
                parcel,
                Credentials(account.app_id, account.secret),
                fans.fan(session, parcel.fan_id).openid,
                f"engage-{session.tenant_id}-{parcel.id}",
            )
        )
    return letters


def _count_in_the_chat(parcels: Sequence[Parcel], outcomes: Mapping[int, Outcome]) -> None:
    """Take customer-service messages that went out from what WeChat still takes for the fan.

    Each by itself: nobody holds one conversation while waiting for another (docs/locking.md).
    """
    for parcel in parcels:
        if parcel.channel == "custom" and isinstance(outcomes.get(parcel.id), Sent):
            with unit_of_work() as session:
                chat.spent(session, parcel.fan_id)


def _is_let_out(parcel: Parcel) -> bool:
    """Ask once more, just before the call: the appointment may have been changed since the claim."""
    with unit_of_work() as session:
        return services.let_out(session, parcel, now=clock.now())


def _send(letter: _Letter) -> Outcome:
    try:
        return Sent(_SENDERS[letter.parcel.channel](current_app.extensions["wechat"], letter))
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))


def _send_template(gateway: Gateway, letter: _Letter) -> int:
    return gateway.send_template(
        letter.account,
        openid=letter.openid,
        template_id=letter.parcel.template_id,
        fields=letter.parcel.fields,
        url=f"{current_app.config['PUBLIC_URL']}{letter.parcel.page}",
        client_msg_id=letter.client_msg_id,
    )


def _send_custom(gateway: Gateway, letter: _Letter) -> None:
    gateway.send_custom(letter.account, openid=letter.openid, message=_content(letter.parcel.fields))


def _content(fields: Mapping[str, str]) -> Content:
    """Give what a customer-service message holds, by the fields it was written with."""
    if "media_id" in fields:
        return Image(fields["media_id"])
    return News(**fields) if "title" in fields else Text(fields["text"])


_SENDERS: Mapping[str, Callable[[Gateway, _Letter], int | None]] = {
    "template": _send_template,
    "custom": _send_custom,
}
