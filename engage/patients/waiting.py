"""Reading what waits for somebody: codes at the desk, profiles that were handed in."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from engage.kernel import ids
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.patients import profiles, queries
from engage.patients.models import BindTicket, Patient, ProfileForm, ProfileSubmission
from engage.patients.profiles import Form

OLDEST: Final = Keyset((ProfileSubmission.submitted_at, ProfileSubmission.id))
NEWEST: Final = Keyset((ProfileSubmission.submitted_at, ProfileSubmission.id), descending=True)

# Charts that are suggested for a profile.
SUGGESTED: Final = 5


def ticket(session: Session, ticket_id: int) -> BindTicket:
    """Give a code that the desk showed.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(BindTicket, (session.tenant_id, ticket_id))
    if found is None:
        raise NotFound(ticket=ticket_id)
    return found


def ticket_of(session: Session, token: str) -> BindTicket:
    """Give the code that a token stands for.

    Raises:
        NotFound: it stands for none.
    """
    found = session.scalar(sa.select(BindTicket).where(BindTicket.token_digest == ids.digest(token)))
    if found is None:
        raise NotFound
    return found


def form(session: Session) -> Form:
    """Give what patients are asked for now."""
    latest = session.scalar(sa.select(ProfileForm).order_by(ProfileForm.version.desc()).limit(1))
    return profiles.FIRST if latest is None else profiles.from_json(latest.version, latest.questions)


def forms(session: Session, versions: Collection[int]) -> Mapping[int, Form]:
    """Give forms as they were, by version, in one statement."""
    found = session.scalars(sa.select(ProfileForm).where(ProfileForm.version.in_(versions)))
    kept = {row.version: profiles.from_json(row.version, row.questions) for row in found}
    return {version: kept.get(version, profiles.FIRST) for version in versions}


def submission(session: Session, submission_id: int) -> ProfileSubmission:
    """Give one profile that was handed in.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(ProfileSubmission, (session.tenant_id, submission_id))
    if found is None:
        raise NotFound(submission=submission_id)
    return found


def last_submission(session: Session, fan_id: int) -> ProfileSubmission | None:
    """Give what a fan handed in last, if anything."""
    return session.scalar(
        sa.select(ProfileSubmission)
        .where(ProfileSubmission.fan_id == fan_id)
        .order_by(ProfileSubmission.id.desc())
        .limit(1)
    )


def submissions(
    session: Session, within: Collection[int], *, decided: bool, cursor: str | None, size: int = SIZE
) -> Page[ProfileSubmission]:
    """Give a page of the profiles of the accounts in `within`: those that wait, longest first, or those
    that are decided, latest first.
    """
    order = NEWEST if decided else OLDEST
    state = ProfileSubmission.state != "waiting" if decided else ProfileSubmission.state == "waiting"
    statement = sa.select(ProfileSubmission).where(state, ProfileSubmission.account_id.in_(within))
    return order.page(session.scalars(order.statement(statement, cursor, size)).all(), size)


def waiting_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, ProfileSubmission]:
    """Give the profiles of some fans that wait, by fan, in one statement."""
    found = session.scalars(
        sa.select(ProfileSubmission).where(
            ProfileSubmission.fan_id.in_(fan_ids), ProfileSubmission.state == "waiting"
        )
    )
    return {row.fan_id: row for row in found}


def waiting_count(session: Session, within: Collection[int]) -> int:
    """Give how many profiles of the accounts in `within` wait."""
    waits = sa.select(sa.func.count()).where(
        ProfileSubmission.state == "waiting", ProfileSubmission.account_id.in_(within)
    )
    return session.scalar(waits) or 0


def answers(row: ProfileSubmission) -> Mapping[str, str]:
    """Give what was answered, by the name of the question."""
    found: dict[str, str] = json.loads(row.data) if row.data else {}
    return found


def suggestions(session: Session, row: ProfileSubmission) -> Sequence[Patient]:
    """Give charts that may be this person's: whom the fan speaks for, of the same phone, of the same name."""
    given = answers(row)
    found = {chart.id: chart for chart in queries.of_fan(session, row.fan_id)}
    if "phone" in given:
        found |= {chart.id: chart for chart in queries.of_phone(session, given["phone"])}
    name = given.get("name", "")
    if name and len(found) < SUGGESTED:
        named = queries.search(session, name, limit=SUGGESTED)
        found |= {chart.id: chart for chart in named if chart.name == name and chart.id not in found}
    ranked = sorted(found.values(), key=lambda chart: (chart.name != name, chart.number))
    return ranked[:SUGGESTED]


def may_still_use(row: BindTicket, now: dt.datetime) -> bool:
    """Whether a code binds whoever scans it."""
    return row.used_at is None and now < row.expires_at
