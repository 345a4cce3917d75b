"""Tenants and staff: creating, changing, disabling, logging in and out."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import directory, ids
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid
from engage.tenancy import queries, rules
from engage.tenancy.errors import LastOwner, LockedOut, WeakPassword, WrongLogin
from engage.tenancy.models import Staff, StaffRole, StaffSession, Tenant
from engage.tenancy.rules import Grant

ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What a chain is made from."""

    slug: str
    name: str
    short_name: str
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    accent: str = "#0e7c66"


@dataclass(frozen=True, slots=True)
class StaffDetails:
    """What the staff form holds; `login` comes without the tenant's part."""

    login: str
    name: str
    language: str
    grants: frozenset[Grant]


def next_tenant_id(session: Session) -> int:
    """Give the id of a tenant to be made, so that it can be made inside its own scope."""
    return int(session.execute(sa.text("select nextval('tenant_id_seq')")).scalar_one())


def create_tenant(session: Session, new: NewTenant, *, now: dt.datetime) -> Tenant:
    """Create the session's tenant, whose id came from `next_tenant_id`.

    Raises:
        NameTaken: another chain has the short address.
    """
    directory.enter(session, "tenant", new.slug)
    tenant = Tenant(
        id=session.tenant_id,
        slug=new.slug,
        name=new.name,
        short_name=new.short_name,
        zone=new.zone,
        currency=new.currency,
        accent=new.accent,
        created_at=now,
    )
    session.add(tenant)
    session.flush()
    audit.record(session, "tenant.created", by=audit.OPERATOR, subject=("tenant", tenant.id), now=now)
    return tenant


def check_password(password: str) -> None:
    """Refuse a password that is too short.

    Raises:
        WeakPassword: fewer characters than `rules.PASSWORD_MINIMUM`.
    """
    if len(password) < rules.PASSWORD_MINIMUM:
        raise WeakPassword(minimum=rules.PASSWORD_MINIMUM)


def one_time_password() -> str:
    """Give a password to be told once and changed at the first log-in; no look-alike letters."""
    return "-".join("".join(secrets.choice(ONE_TIME_ALPHABET) for _ in range(4)) for _ in range(3))


def create_staff(
    session: Session,
    details: StaffDetails,
    *,
    password_hash: str,
    one_time: bool,
    by: Actor,
    now: dt.datetime,
) -> Staff:
    """Create a member of staff; the log-in becomes `login@tenant`.

    Raises:
        NameTaken: the log-in exists.
        Invalid: no role was given.
    """
    _check(details)
    login = f"{details.login}@{queries.tenant(session).slug}"
    # Entering waits for whoever enters the same log-in just now, so that the look after it sees theirs.
    directory.enter(session, "login", login)
    if queries.by_login(session, login) is not None:
        raise directory.NameTaken
    staff = Staff(
        login=login,
        name=details.name,
        language=details.language,
        password_hash=password_hash,
        password_changed_at=now,
        must_change_password=one_time,
        created_at=now,
    )
    session.add(staff)
    session.flush()
    _replace_grants(session, staff.id, details.grants)
    audit.record(session, "staff.created", by=by, subject=("staff", staff.id), now=now)
    return staff


def update_staff(
    session: Session, staff_id: int, details: StaffDetails, *, by: Actor, now: dt.datetime
) -> Staff:
    """Change name, language and roles × stores; the log-in stays.

    Raises:
        NotFound: no such member of staff.
        LastOwner: the chain would be left without an owner.
    """
    _check(details)
    _hold_owners(session)
    staff = queries.staff_member(session, staff_id, lock=True)
    held = frozenset(queries.grants_of(session, [staff_id]).get(staff_id, ()))
    if Grant("owner") in held - details.grants:
        _keep_an_owner(session, staff_id)
    changed = [name for name in ("name", "language") if getattr(staff, name) != getattr(details, name)]
    staff.name, staff.language = details.name, details.language
    if held != details.grants:
        _replace_grants(session, staff_id, details.grants)
        changed.append("roles")
    if changed:
        audit.record(session, "staff.updated", by=by, subject=("staff", staff_id), now=now, fields=changed)
    return staff


def disable_staff(session: Session, staff_id: int, *, by: Actor, now: dt.datetime) -> Staff:
    """Keep somebody from logging in, and end their sessions; repeating changes nothing.

    Raises:
        NotFound: no such member of staff.
        LastOwner: the chain would be left without an owner.
    """
    _hold_owners(session)
    staff = queries.staff_member(session, staff_id, lock=True)
    if staff.disabled_at is None:
        if staff_id in queries.active_owners(session):
            _keep_an_owner(session, staff_id)
        staff.disabled_at = now
        end_sessions(session, staff_id, now=now)
        audit.record(session, "staff.disabled", by=by, subject=("staff", staff_id), now=now)
    return staff


def enable_staff(session: Session, staff_id: int, *, by: Actor, now: dt.datetime) -> Staff:
    """Let somebody log in again; repeating changes nothing."""
    staff = queries.staff_member(session, staff_id, lock=True)
    if staff.disabled_at is not None:
        staff.disabled_at, staff.failed_logins, staff.locked_until = None, 0, None
        audit.record(session, "staff.enabled", by=by, subject=("staff", staff_id), now=now)
    return staff


def set_password(
    session: Session,
    staff_id: int,
    *,
    password_hash: str,
    one_time: bool,
    by: Actor,
    now: dt.datetime,
    keep_session: int | None = None,
) -> Staff:
    """Set a password and end the person's other sessions."""
    staff = queries.staff_member(session, staff_id, lock=True)
    staff.password_hash, staff.password_changed_at = password_hash, now
    staff.must_change_password = one_time
    staff.failed_logins, staff.locked_until = 0, None
    end_sessions(session, staff_id, now=now, but=keep_session)
    audit.record(
        session, "staff.password_set", by=by, subject=("staff", staff_id), now=now, fields=["password"]
    )
    return staff


def update_profile(session: Session, staff_id: int, *, name: str, language: str, now: dt.datetime) -> Staff:
    """Change what a person may change of themselves."""
    staff = queries.staff_member(session, staff_id, lock=True)
    staff.name, staff.language = name, language
    audit.record(
        session,
        "staff.updated",
        by=Actor("staff", staff_id),
        subject=("staff", staff_id),
        now=now,
        fields=["name", "language"],
    )
    return staff


def begin_login(session: Session, login: str, *, now: dt.datetime) -> tuple[int, str] | None:
    """Count an attempt before the password is checked, and give whose it is; None if unknown.

    Counting first, by one UPDATE, keeps many attempts at once from slipping past the limit. The
    caller commits, checks the password with no transaction open, and calls `finish_login`.

    Raises:
        LockedOut: too many wrong passwords in a row.
    """
    locked = Staff.locked_until > now
    counted = session.execute(
        sa.update(Staff)
        .where(Staff.login == login, Staff.disabled_at.is_(None), sa.func.coalesce(~locked, True))
        .values(
            failed_logins=sa.case((Staff.locked_until.is_not(None), 1), else_=Staff.failed_logins + 1),
            locked_until=sa.case(
                (
                    sa.and_(Staff.locked_until.is_(None), Staff.failed_logins + 1 >= rules.LOCK_AFTER),
                    now + rules.LOCK_FOR,
                ),
                else_=None,
            ),
        )
        .returning(Staff.id, Staff.password_hash)
        .execution_options(synchronize_session=False)
    ).first()
    if counted is not None:
        return counted.id, counted.password_hash
    until = session.scalar(sa.select(Staff.locked_until).where(Staff.login == login, locked))
    if until is not None:
        raise LockedOut(minutes=int((until - now).total_seconds() // 60) + 1)
    return None


def forget_attempts(session: Session, staff_id: int) -> None:
    """Forget the attempts that were counted: the person has shown who they are."""
    staff = queries.staff_member(session, staff_id, lock=True)
    staff.failed_logins, staff.locked_until = 0, None


def finish_login(session: Session, staff_id: int, *, browser: str, now: dt.datetime) -> str:
    """The password fitted: forget the attempts and open a session. Gives the cookie's token.

    Raises:
        WrongLogin: the person was disabled meanwhile.
    """
    staff = queries.staff_member(session, staff_id, lock=True)
    if staff.disabled_at is not None:
        raise WrongLogin
    staff.failed_logins, staff.locked_until, staff.last_seen_at = 0, None, now
    token = ids.new_token()
    session.add(
        StaffSession(
            staff_id=staff_id,
            token_digest=ids.digest(token),
            browser=browser[:80],
            created_at=now,
            seen_at=now,
            expires_at=now + rules.SESSION_IDLE,
        )
    )
    audit.record(
        session, "staff.logged_in", by=Actor("staff", staff_id), subject=("staff", staff_id), now=now
    )
    return token


def touch_session(session: Session, session_id: int, *, now: dt.datetime) -> None:
    """Remember that a session is in use, which moves its end."""
    row = session.get_one(StaffSession, (session.tenant_id, session_id))
    # The person before their sessions, as everywhere: whoever disables them locks in this order too.
    session.execute(
        sa.update(Staff)
        .where(Staff.id == row.staff_id)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )
    row.seen_at, row.expires_at = now, now + rules.SESSION_IDLE


def choose_store(session: Session, session_id: int, store_id: int | None) -> None:
    """Remember the store chosen in the top bar; None is all of the person's stores."""
    session.get_one(StaffSession, (session.tenant_id, session_id)).store_id = store_id


def end_session(session: Session, staff_id: int, session_id: int, *, now: dt.datetime) -> None:
    """End one of a person's own sessions; another's is left alone."""
    session.execute(
        sa.update(StaffSession)
        .where(StaffSession.id == session_id, StaffSession.staff_id == staff_id)
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def end_sessions(session: Session, staff_id: int, *, now: dt.datetime, but: int | None = None) -> None:
    """End all of a person's sessions, except one."""
    session.execute(
        sa.update(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
            StaffSession.ended_at.is_(None),
            StaffSession.id.is_distinct_from(but),
        )
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _check(details: StaffDetails) -> None:
    unknown = {grant.role for grant in details.grants} - set(rules.ROLES)
    if not details.grants or unknown:
        raise Invalid({"roles": [N_("Choose at least one role.")]})


def _replace_grants(session: Session, staff_id: int, grants: Iterable[Grant]) -> None:
    session.execute(
        sa.delete(StaffRole)
        .where(StaffRole.staff_id == staff_id)
        .execution_options(synchronize_session=False)
    )
    for grant in sorted(grants, key=lambda grant: (grant.role, grant.store_id or 0)):
        session.add(StaffRole(staff_id=staff_id, role=grant.role, store_id=grant.store_id))
    session.flush()


def _hold_owners(session: Session) -> None:
    """Let one change of owners at a time happen in a chain: two could each remove the other."""
    session.execute(sa.select(Tenant.id).where(Tenant.id == session.tenant_id).with_for_update())


def _keep_an_owner(session: Session, staff_id: int) -> None:
    if not rules.owners_left(queries.active_owners(session), without=staff_id):
        raise LastOwner
