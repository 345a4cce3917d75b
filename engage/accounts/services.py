"""Connecting official accounts, and journalling what WeChat pushes to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import sqlalchemy as sa

from engage.accounts import queries
from engage.accounts.models import OfficialAccount, Push
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import directory, due
from engage.kernel.db import Session

RECEIPTS = "receipts"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is connected with."""

    app_id: str
    slug: str
    name: str
    secret: str
    token: str
    encoding_aes_key: str
    welcome: str
    templates: dict[str, str] = field(default_factory=dict)


def connect(session: Session, new: NewAccount, *, by: Actor, now: dt.datetime) -> OfficialAccount:
    """Connect an account by app id and secret.

    Raises:
        NameTaken: another tenant has this app id or address.
    """
    directory.enter(session, "app_id", new.app_id)
    directory.enter(session, "account", new.slug)
    account = OfficialAccount(
        app_id=new.app_id,
        slug=new.slug,
        name=new.name,
        secret=new.secret,
        token=new.token,
        encoding_aes_key=new.encoding_aes_key,
        welcome=new.welcome,
        templates=dict(new.templates),
        created_at=now,
    )
    session.add(account)
    session.flush()
    audit.record(session, "account.connected", by=by, subject=("account", account.id), now=now)
    return account


def journal(
    session: Session,
    account_id: int,
    *,
    push_key: str,
    kind: str,
    body: str,
    is_receipt: bool,
    now: dt.datetime,
) -> Push | None:
    """Keep a push under its key; None if it came before and nothing more is to be done.

    Two copies at once: the second waits for the first's transaction and finds its row. Receipts of
    sent messages are left to a worker, since WeChat sends tens of thousands within minutes.
    """
    push_id = session.scalar(
        sa.dialects.postgresql.insert(Push)
        .values(
            account_id=account_id,
            push_key=push_key,
            kind=kind,
            body=body,
            reply="",
            received_at=now,
            handled_at=None if is_receipt else now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "account_id", "push_key"])
        .returning(Push.id)
    )
    if push_id is None:
        return None
    if is_receipt:
        due.mark(session, RECEIPTS, at=now)
    return session.get_one(Push, (session.tenant_id, push_id))


def earlier_reply(session: Session, account_id: int, push_key: str) -> str:
    """Give what was answered to a push that came before."""
    push = queries.journalled(session, account_id, push_key)
    return push.reply if push else ""
