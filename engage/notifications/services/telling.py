"""From what is to be told to the message: worded as the fan's account does, or skipped with the reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engage.accounts import queries as accounts
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.notifications import fields, queries
from engage.notifications.services.deliveries import Message, write

if TYPE_CHECKING:
    from engage.fans.models import Fan
    from engage.notifications.models import Wording


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told, whoever is told it; `page` is a path below the account's patient pages.

    After `expires_at` it is of no use. `skip` says why nobody is told after all.
    """

    kind: str
    subject_id: int
    subject_version: int
    patient_id: int | None
    values: Mapping[str, str]
    page: str
    expires_at: dt.datetime | None = None
    skip: str | None = None


def tell(session: Session, notice: Notice, fan_id: int, *, now: dt.datetime) -> None:
    """Write a notice down for a fan, once: to be sent, or skipped with the reason. Safe to repeat."""
    fan = fans.fan(session, fan_id)
    account = accounts.account(session, fan.account_id)
    wording = queries.wording(session, account.id, notice.kind)
    worded = wording.fields if wording else []
    data, problems = fields.render(worded, {**notice.values, "account": account.name})
    message = Message(
        kind=notice.kind,
        channel="template",
        subject_id=notice.subject_id,
        subject_version=notice.subject_version,
        account_id=account.id,
        fan_id=fan.id,
        patient_id=notice.patient_id,
        template_id=wording.template_id if wording else "",
        fields=data,
        title=wording.title if wording else "",
        text=fields.as_read(wording.content, data) if wording else "",
        page=f"/p/{account.slug}/{notice.page}",
        expires_at=notice.expires_at,
    )
    skip = notice.skip or _in_the_way(wording, fan) or ("bad_wording" if problems else None)
    write(session, message, now=now, skip=skip)


def is_worded(session: Session, fan_id: int, kind: str) -> bool:
    """Whether the fan's account words a kind of message, and has it switched on."""
    wording = queries.wording(session, fans.fan(session, fan_id).account_id, kind)
    return wording is not None and wording.enabled and bool(wording.template_id)


def _in_the_way(wording: Wording | None, fan: Fan) -> str | None:
    if wording is None or not wording.template_id:
        return "no_template"
    if not wording.enabled:
        return "switched_off"
    if not fan.following:
        return "not_following"
    return None if fan.muted_at is None else "muted"
