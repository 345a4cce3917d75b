"""What a store allows patients who book by themselves (BK-2)."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.booking import queries
from engage.booking.models import BookingTerms
from engage.booking.rules import terms as rules
from engage.booking.rules.terms import Terms
from engage.booking.services import wishes
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.kernel.errors import Invalid


def set_terms(session: Session, store_id: int, terms: Terms, *, by: Actor, now: dt.datetime) -> None:
    """Give a store terms of its own. Visits stay as they were booked; a repeat changes nothing.

    Patients may be able to book more than before: the waiting list is looked through. Never commits.

    Raises:
        NotFound: no such store.
        Invalid: with the sentence of every wrong field.
    """
    wrong = rules.wrong(terms)
    if wrong:
        raise Invalid(wrong)
    clinic.store(session, store_id)
    was = queries.terms(session, store_id)
    changed = [one.name for one in fields(Terms) if getattr(was, one.name) != getattr(terms, one.name)]
    if not changed:
        return
    minutes = terms.change_until // dt.timedelta(minutes=1)
    values = {one.name: getattr(terms, one.name) for one in fields(Terms) if one.name != "change_until"}
    values["change_until_minutes"] = minutes
    session.execute(
        insert(BookingTerms)
        .values(store_id=store_id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "store_id"], set_=values)
    )
    audit.record(session, "booking_terms.set", by=by, subject=("store", store_id), now=now, fields=changed)
    wishes.look_through(session, now=now)
