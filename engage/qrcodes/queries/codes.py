"""Reading codes, their scenes, tickets and pictures."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from engage.kernel import leases
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.kernel.paging import SIZE, Keyset, Page
from engage.qrcodes import rules
from engage.qrcodes.models import (
    ChannelCode,
    ChannelCodeTag,
    ChannelTicket,
    PermanentCodes,
    PictureBundle,
    Scan,
    SceneUse,
)

NEWEST = Keyset((ChannelCode.id,), descending=True)

CHOICES: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which codes a list shows; `store_ids` None stands for all, also those without a store."""

    state: str = rules.ACTIVE
    kind: str = ""
    account_id: int | None = None
    store_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """How a code's picture stands: the last ticket made, and why a later one is missing, if it is."""

    url: str | None
    made_at: dt.datetime | None
    expires_at: dt.datetime | None
    is_waiting: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What is printed of a code."""

    code_id: int
    account_id: int
    name: str
    caption: str
    url: str
    expires_at: dt.datetime | None


def code(session: Session, code_id: int) -> ChannelCode:
    """Give one code.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(ChannelCode, (session.tenant_id, code_id))
    if found is None:
        raise NotFound(channel_code=code_id)
    return found


def locked(session: Session, code_id: int) -> ChannelCode:
    """Give one code as it is now, and keep it so to the end of the transaction; scans go on meanwhile.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(
        sa.select(ChannelCode)
        .where(ChannelCode.id == code_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(channel_code=code_id)
    return found


def codes(session: Session, wanted: Wanted, *, cursor: str | None, size: int = SIZE) -> Page[ChannelCode]:
    """Give a page of codes, newest first."""
    statement = sa.select(ChannelCode).where(ChannelCode.state == wanted.state)
    if wanted.kind:
        statement = statement.where(ChannelCode.kind == wanted.kind)
    if wanted.account_id is not None:
        statement = statement.where(ChannelCode.account_id == wanted.account_id)
    if wanted.store_ids is not None:
        statement = statement.where(ChannelCode.store_id.in_(wanted.store_ids))
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, size)).all(), size)


def among(session: Session, code_ids: Collection[int], store_ids: frozenset[int] | None) -> Sequence[int]:
    """Give those of some codes that exist, at some stores or (None) at all, newest first."""
    found = sa.select(ChannelCode.id).where(ChannelCode.id.in_(code_ids)).order_by(ChannelCode.id.desc())
    if store_ids is not None:
        found = found.where(ChannelCode.store_id.in_(store_ids))
    return session.scalars(found).all()


def names_of(session: Session, code_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names of codes, in one statement; none where nobody is asked for."""
    if not code_ids:
        return {}
    found = session.execute(sa.select(ChannelCode.id, ChannelCode.name).where(ChannelCode.id.in_(code_ids)))
    return {row.id: row.name for row in found}


def of_stores(session: Session) -> Mapping[tuple[int, int], int]:
    """Give the codes of stores that are in use, by account and store."""
    found = sa.select(ChannelCode.account_id, ChannelCode.store_id, ChannelCode.id).where(
        ChannelCode.kind == rules.STORE, ChannelCode.state == rules.ACTIVE, ChannelCode.store_id.is_not(None)
    )
    return {(row.account_id, row.store_id): row.id for row in session.execute(found)}


def choices(session: Session) -> Sequence[tuple[int, str]]:
    """Give what fans can have come by, ids and names, those in use first; `CHOICES` at most."""
    found = sa.select(ChannelCode.id, ChannelCode.name).order_by(ChannelCode.state, ChannelCode.id.desc())
    return [(row.id, row.name) for row in session.execute(found.limit(CHOICES))]


def code_of_scene(session: Session, account_id: int, scene: str, at: dt.datetime) -> ChannelCode | None:
    """Give the code to which a scene led at a time; None for a scene that is none of ours.

    A time before its first use counts as of the first: clocks differ by a little.
    """
    use = (
        sa.select(SceneUse.code_id)
        .where(SceneUse.account_id == account_id, SceneUse.scene == scene)
        .order_by((SceneUse.from_at <= at).desc(), SceneUse.from_at.desc())
        .limit(1)
    )
    code_id = session.scalar(use)
    return None if code_id is None else code(session, code_id)


def welcomes(session: Session, account_id: int) -> Mapping[str, str]:
    """Give what an account's codes in use say to whom they bring, by scene; only those with a text."""
    found = sa.select(ChannelCode.scene, ChannelCode.welcome).where(
        ChannelCode.account_id == account_id,
        ChannelCode.state == rules.ACTIVE,
        ChannelCode.welcome != "",
    )
    return {row.scene: row.welcome for row in session.execute(found)}


def tag_ids(session: Session, code_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Give the tags of codes, in one statement."""
    found: dict[int, set[int]] = defaultdict(set)
    for code_id, tag_id in session.execute(
        sa.select(ChannelCodeTag.code_id, ChannelCodeTag.tag_id).where(ChannelCodeTag.code_id.in_(code_ids))
    ):
        found[code_id].add(tag_id)
    return {code_id: frozenset(tags) for code_id, tags in found.items()}


def reusable(account_id: int, now: dt.datetime) -> sa.Select[SceneUse]:
    """Build the statement that gives uses of permanent scenes that may end, longest at rest first.

    It says of many what `rules.is_reusable` says of one.
    """
    before = now - rules.REST
    scanned = sa.exists().where(
        Scan.tenant_id == SceneUse.tenant_id, Scan.code_id == SceneUse.code_id, Scan.at > before
    )
    mine = (ChannelCode.tenant_id == SceneUse.tenant_id) & (ChannelCode.id == SceneUse.code_id)
    return (
        sa.select(SceneUse)
        .join(ChannelCode, mine)
        .where(
            ChannelCode.account_id == account_id,
            ChannelCode.state == rules.RETIRED,
            ChannelCode.retired_at <= before,
            ChannelCode.permanent,
            SceneUse.until_at.is_(None),
            ~scanned,
        )
        .order_by(ChannelCode.retired_at, ChannelCode.id)
    )


def permanent_left(session: Session, account_ids: Collection[int]) -> Mapping[int, int]:
    """Give how many permanent codes accounts may have made still, by our count and WeChat's word."""
    rows = session.scalars(sa.select(PermanentCodes).where(PermanentCodes.account_id.in_(account_ids)))
    left = {
        row.account_id: 0 if row.used_up_at is not None else rules.PERMANENT_AT_MOST - row.used
        for row in rows
    }
    return {account_id: left.get(account_id, rules.PERMANENT_AT_MOST) for account_id in account_ids}


def tickets(session: Session, code_ids: Collection[int]) -> Mapping[int, Listed]:
    """Give how the pictures of codes stand, in one statement."""
    table = ChannelTicket
    newest = (
        sa.select(table)
        .where(table.code_id.in_(code_ids), table.state != "dropped")
        .order_by(table.code_id, table.state, table.id.desc())
        .ext(distinct_on(table.code_id, table.state))
    )
    by_code: dict[int, dict[str, ChannelTicket]] = defaultdict(dict)
    for row in session.scalars(newest):
        by_code[row.code_id][row.state] = row
    return {code_id: _listed(rows) for code_id, rows in by_code.items()}


def _listed(rows: Mapping[str, ChannelTicket]) -> Listed:
    made, pending, failed_one = rows.get("made"), rows.get("pending"), rows.get("failed")
    is_failed = failed_one is not None and (made is None or failed_one.id > made.id) and pending is None
    return Listed(
        url=made.url if made else None,
        made_at=made.made_at if made else None,
        expires_at=made.expires_at if made else None,
        is_waiting=pending is not None and (made is None or pending.attempts > 0),
        reason=failed_one.reason if is_failed and failed_one else None,
    )


def pictures(session: Session, code_ids: Collection[int], *, now: dt.datetime) -> Sequence[Picture]:
    """Give what is printed of codes, newest first; those whose picture leads nowhere are left out."""
    made = tickets(session, code_ids)
    found = session.scalars(
        sa.select(ChannelCode).where(ChannelCode.id.in_(code_ids)).order_by(ChannelCode.id.desc())
    )
    return [
        Picture(one.id, one.account_id, one.name, one.caption, url, made[one.id].expires_at)
        for one in found
        if one.id in made
        and (url := made[one.id].url) is not None
        and rules.life_left(made[one.id].expires_at, now) != "over"
    ]


def bundle(session: Session, bundle_id: int, *, asked_by: int) -> PictureBundle:
    """Give a person's own bundle of pictures.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(PictureBundle, (session.tenant_id, bundle_id))
    if found is None or found.asked_by != asked_by:
        raise NotFound(bundle=bundle_id)
    return found


def failed(session: Session) -> int:
    """Give how many codes in use have no picture because WeChat refused."""
    table = ChannelTicket
    newest = sa.select(sa.func.max(table.id)).where(table.code_id == ChannelCode.id).correlate(ChannelCode)
    lost = sa.exists().where(
        table.code_id == ChannelCode.id, table.id == newest.scalar_subquery(), table.state == "failed"
    )
    return (
        session.scalar(
            sa.select(sa.func.count(ChannelCode.id)).where(ChannelCode.state == rules.ACTIVE, lost)
        )
        or 0
    )


def waiting_tickets(session: Session, *, now: dt.datetime) -> Backlog:
    """Give how the queue of tickets stands; those that wait for the day of renewal are not due yet."""
    table = ChannelTicket
    due = (table.queue == rules.TICKETS, table.available_at <= now + leases.LEASE)
    waiting, oldest = session.execute(
        sa.select(sa.func.count(), sa.func.min(table.available_at)).where(*due)
    ).one()
    return Backlog(rules.TICKETS, waiting, oldest, failed(session))
