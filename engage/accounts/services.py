"""Connecting official accounts, and journalling what WeChat pushes to them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from engage.accounts import queries
from engage.accounts.errors import AccountRefused, AddressTaken, AppIdTaken, StoreTaken
from engage.accounts.models import OfficialAccount, Push
from engage.accounts.rules import PUSHES
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import directory, due, leases
from engage.kernel.db import Session
from engage.kernel.directory import NameTaken
from engage.kernel.leases import Claim


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is connected with."""

    app_id: str
    slug: str
    name: str
    secret: str
    token: str
    encoding_aes_key: str
    mode: str = "safe"
    store_id: int | None = None


def connect(session: Session, new: NewAccount, *, by: Actor, now: dt.datetime) -> OfficialAccount:
    """Connect an account by app id and secret.

    Raises:
        AppIdTaken: the account is connected already, here or to another tenant.
        AddressTaken: another account has the address of patient pages.
        StoreTaken: the store has an account.
    """
    _enter(session, "app_id", new.app_id, AppIdTaken)
    _enter(session, "account", new.slug, AddressTaken)
    if queries.is_connected(session, app_id=new.app_id):
        raise AppIdTaken
    if queries.is_connected(session, slug=new.slug):
        raise AddressTaken
    account = OfficialAccount(
        app_id=new.app_id,
        slug=new.slug,
        name=new.name,
        secret=new.secret,
        token=new.token,
        encoding_aes_key=new.encoding_aes_key,
        mode=new.mode,
        store_id=new.store_id,
        created_at=now,
    )
    with _one_account_a_store(session):
        session.add(account)
    audit.record(session, "account.connected", by=by, subject=("account", account.id), now=now)
    return account


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """What can be changed of an account; without a `secret` the old one stays."""

    name: str
    mode: str
    store_id: int | None
    secret: str = ""


def update(
    session: Session, account_id: int, details: AccountDetails, *, by: Actor, now: dt.datetime
) -> OfficialAccount:
    """Change an account. Repeating it changes nothing and leaves no trace.

    Raises:
        NotFound: there is none with this id.
        StoreTaken: the store has another account.
    """
    account = queries.account(session, account_id, for_update=True)
    wished = dataclasses.asdict(details) | {"secret": details.secret or account.secret}
    changed = [name for name, value in wished.items() if getattr(account, name) != value]
    with _one_account_a_store(session):
        for name in changed:
            setattr(account, name, wished[name])
    if changed:
        audit.record(
            session, "account.updated", by=by, subject=("account", account_id), now=now, fields=changed
        )
    return account


def renew_keys(
    session: Session, account_id: int, *, token: str, encoding_aes_key: str, by: Actor, now: dt.datetime
) -> None:
    """Replace what signs and encrypts pushes; they are refused until WeChat is told the same.

    Raises:
        NotFound: there is none with this id.
    """
    account = queries.account(session, account_id, for_update=True)
    account.token, account.encoding_aes_key, account.verified_at = token, encoding_aes_key, None
    fields = ("token", "encoding_aes_key")
    audit.record(
        session, "account.keys_renewed", by=by, subject=("account", account_id), now=now, fields=fields
    )


@dataclass(frozen=True, slots=True)
class NewPush:
    """A push as it came: `push_key` is equal in all copies, `stamp` in byte-identical ones alone."""

    account_id: int
    push_key: str
    stamp: str
    body_digest: str
    kind: str
    openid: str
    body: str


def keeping(after: sa.CTE | None) -> ReturningInsert[Any]:
    """Build the statement that keeps a push, once for the row of `after`; gives the id of a new row.

    It takes its values by the names of `values_of`. Of two copies at once the second waits for the
    first's transaction, then finds its row and gives nothing.
    """
    table = cast("sa.Table", Push.__table__)
    columns = [column for column in table.columns if column.name not in _FILLED_BY_DEFAULT]
    row = sa.select(*(sa.cast(sa.bindparam(column.name), column.type) for column in columns))
    return (
        insert(table)
        .from_select(columns, row if after is None else row.select_from(after))
        .on_conflict_do_nothing()
        .returning(table.c.id)
    )


def values_of(
    push: NewPush,
    *,
    now: dt.datetime,
    reply: str = "",
    late: bool = False,
    handled_at: dt.datetime | None = None,
    available_at: dt.datetime | None = None,
) -> dict[str, Any]:
    """Give what `keeping` stores: done with at `handled_at`, or for a worker from `available_at` on."""
    return {
        **{name: getattr(push, name) for name in NewPush.__slots__},
        "queue": PUSHES,
        "reply": reply,
        "late": late,
        "received_at": now,
        "handled_at": handled_at,
        "available_at": available_at,
    }


_FILLED_BY_DEFAULT = {"tenant_id", "id", "attempts", "lease", "error"}
_KEEPING = keeping(after=None)


def journal_for_later(session: Session, push: NewPush, *, late: bool, now: dt.datetime) -> bool:
    """Keep a push for a worker; `late` says that its reply is still owed. False if it came before."""
    push_id = session.scalar(_KEEPING, values_of(push, now=now, late=late, available_at=now))
    if push_id is not None:
        due.mark(session, PUSHES, at=now)
    return push_id is not None


def claim(session: Session, *, now: dt.datetime, due_by: dt.datetime) -> Claim:
    """Take the oldest pushes that were due by a time; see `leases.claim`."""
    return leases.claim(session, Push, PUSHES, now=now, batch=leases.BATCH, due_by=due_by)


def held(session: Session, claimed: Claim) -> Sequence[Push]:
    """Lock the claimed pushes that are still the claim's."""
    return leases.held(session, Push, claimed)


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next push that waits for a worker is due."""
    return leases.next_at(session, Push, PUSHES)


def replay(session: Session, push_id: int, *, by: Actor, now: dt.datetime) -> None:
    """A person asks that a push take effect (again): a worker does it at once. Safe to repeat.

    Raises:
        NotFound: there is no such push.
    """
    push = queries.push(session, push_id, for_update=True)
    leases.retry(push, now=now)
    due.mark(session, PUSHES, at=now)
    audit.record(session, "push.replayed", by=by, subject=("push", push_id), now=now)


def address_checked(session: Session, account_id: int, *, now: dt.datetime) -> None:
    """WeChat checked the address of the callback and was answered."""
    session.execute(
        sa.update(OfficialAccount).where(OfficialAccount.id == account_id).values(verified_at=now)
    )


def _enter(session: Session, kind: str, name: str, refusal: type[AccountRefused]) -> None:
    try:
        directory.enter(session, kind, name)
    except NameTaken as taken:
        raise refusal from taken


@contextmanager
def _one_account_a_store(session: Session) -> Iterator[None]:
    """Write what the block changes; two owners may choose the same store at once."""
    try:
        with session.begin_nested():
            yield
    except sa.exc.IntegrityError as error:
        if "uq_official_account_tenant_id_store_id" in str(error.orig):
            raise StoreTaken from error
        raise
