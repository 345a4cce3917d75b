"""Reading tenants and staff."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, cast

import sqlalchemy as sa

from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.tenancy.models import Staff, StaffRole, StaffSession, Tenant
from engage.tenancy.rules import Grant

BY_NAME = Keyset((Staff.name, Staff.id))


def tenant(session: Session) -> Tenant:
    """Give the session's tenant."""
    return session.get_one(Tenant, session.tenant_id)


# What pages show of a chain.
SHOWN: Final = ("id", "slug", "name", "short_name", "zone", "accent")


def shown() -> sa.Subquery:
    """Give what pages show of the chain, as part of a statement that is built once."""
    table = cast("sa.Table", Tenant.__table__)
    return sa.select(*(table.c[name] for name in SHOWN)).subquery("house")


def staff_member(session: Session, staff_id: int, *, lock: bool = False) -> Staff:
    """Give one member of staff.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Staff, (session.tenant_id, staff_id), with_for_update=lock or None)
    if found is None:
        raise NotFound(staff=staff_id)
    return found


def names_of(session: Session, staff_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names of members of staff, in one statement; none where nobody is asked for."""
    if not staff_ids:
        return {}
    found = session.execute(sa.select(Staff.id, Staff.name).where(Staff.id.in_(staff_ids)))
    return {row.id: row.name for row in found}


def all_names(session: Session) -> Mapping[int, str]:
    """Give the names of all staff the chain ever had, by name."""
    found = session.execute(sa.select(Staff.id, Staff.name).order_by(Staff.name, Staff.id))
    return {row.id: row.name for row in found}


def consultants(session: Session, *, and_also: int | None = None) -> Mapping[int, str]:
    """Give the names of those who may be responsible for a patient: active staff who are consultants at
    some store, and who is responsible already.
    """
    is_consultant = sa.exists().where(
        StaffRole.tenant_id == Staff.tenant_id, StaffRole.staff_id == Staff.id, StaffRole.role == "consultant"
    )
    found = session.execute(
        sa.select(Staff.id, Staff.name)
        .where(sa.or_(sa.and_(Staff.disabled_at.is_(None), is_consultant), Staff.id == and_also))
        .order_by(Staff.name, Staff.id)
    )
    return {row.id: row.name for row in found}


def by_login(session: Session, login: str) -> Staff | None:
    """Give the member of staff with a log-in."""
    return session.scalar(sa.select(Staff).where(Staff.login == login))


def grants_of(session: Session, staff_ids: Iterable[int]) -> Mapping[int, tuple[Grant, ...]]:
    """Give the roles × stores of several members of staff in one query."""
    grants: dict[int, list[Grant]] = defaultdict(list)
    for row in session.scalars(
        sa.select(StaffRole).where(StaffRole.staff_id.in_(staff_ids)).order_by(StaffRole.id)
    ):
        grants[row.staff_id].append(Grant(row.role, row.store_id))
    return {staff_id: tuple(held) for staff_id, held in grants.items()}


def list_staff(
    session: Session, *, state: str | None, role: str | None, words: str, cursor: str | None
) -> Page[Staff]:
    """Give a page of staff by name, filtered by state, role and the begin of name or log-in."""
    statement = sa.select(Staff)
    if state == "active":
        statement = statement.where(Staff.disabled_at.is_(None))
    elif state == "disabled":
        statement = statement.where(Staff.disabled_at.is_not(None))
    if role:
        statement = statement.where(
            sa.exists().where(
                StaffRole.tenant_id == Staff.tenant_id, StaffRole.staff_id == Staff.id, StaffRole.role == role
            )
        )
    if words:
        statement = statement.where(
            Staff.name.startswith(words, autoescape=True)
            | Staff.login.startswith(words.lower(), autoescape=True)
        )
    return BY_NAME.page(session.scalars(BY_NAME.statement(statement, cursor, SIZE)).all(), SIZE)


def search(session: Session, words: str, *, limit: int = 5) -> Sequence[Staff]:
    """Give staff whose name or log-in begins with the words."""
    return list_staff(session, state="active", role=None, words=words, cursor=None).items[:limit]


def live_session(
    session: Session, token_digest: str, *, now: dt.datetime
) -> tuple[StaffSession, Staff, Tenant] | None:
    """Give the log-in of a cookie, if it has neither ended nor expired and its person is active."""
    row = session.execute(
        sa.select(StaffSession, Staff, Tenant)
        .join(
            Staff,
            (Staff.tenant_id == StaffSession.tenant_id) & (Staff.id == StaffSession.staff_id),
        )
        .join(Tenant, Tenant.id == StaffSession.tenant_id)
        .where(
            StaffSession.token_digest == token_digest,
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now,
            Staff.disabled_at.is_(None),
        )
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def live_sessions(session: Session, session_ids: Iterable[int], *, now: dt.datetime) -> Mapping[int, Staff]:
    """Give who stands behind those of the log-ins that have not ended, by log-in."""
    rows = session.execute(
        sa.select(StaffSession.id, Staff)
        .join(Staff, (Staff.tenant_id == StaffSession.tenant_id) & (Staff.id == StaffSession.staff_id))
        .where(
            StaffSession.id.in_(session_ids),
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now,
            Staff.disabled_at.is_(None),
        )
    )
    return {row[0]: row[1] for row in rows}


def sessions_of(session: Session, staff_id: int, *, now: dt.datetime) -> Sequence[StaffSession]:
    """Give a person's live log-ins, the latest seen first."""
    return session.scalars(
        sa.select(StaffSession)
        .where(
            StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None), StaffSession.expires_at > now
        )
        .order_by(StaffSession.seen_at.desc(), StaffSession.id)
    ).all()


def active_owners(session: Session) -> frozenset[int]:
    """Give the ids of the chain's owners who can log in."""
    return frozenset(
        session.scalars(
            sa.select(StaffRole.staff_id)
            .join(Staff, (Staff.tenant_id == StaffRole.tenant_id) & (Staff.id == StaffRole.staff_id))
            .where(StaffRole.role == "owner", Staff.disabled_at.is_(None))
        )
    )
