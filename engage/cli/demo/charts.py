"""Charts of the patients, and which people of the sandbox speak for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from engage.audit.services import Actor
from engage.cli.demo.people import UNBOUND
from engage.cli.demo.shapes import Chain, Family, Person
from engage.cli.demo.visits import PAST_DAYS
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.patients import queries, services
from engage.patients.services import NewChart

# A patient of the demo is told by phone and name.
Charts = dict[tuple[str, str], int]


def open_charts(
    session: Session, chain: Chain, fans: Mapping[str, int], *, by: Actor, now: dt.datetime
) -> Charts:
    """Open the charts that are missing, each on a day before the first visit; gives all of them."""
    store_ids = [store.id for store in clinic.stores(session)]
    charts: Charts = {}
    for number, family in enumerate(chain.families):
        phone = queries.phone_of(session, family.phone)
        known = {patient.name: patient.id for patient in queries.of_phone(session, phone)}
        opened_at = now - dt.timedelta(days=PAST_DAYS + 1 + number)
        for person in family.people:
            charts[family.phone, person.name] = known.get(person.name) or _open(
                session, family, person, fans, store_ids[number % len(store_ids)], by=by, now=opened_at
            )
    return charts


def _open(
    session: Session,
    family: Family,
    person: Person,
    fans: Mapping[str, int],
    store_id: int,
    *,
    by: Actor,
    now: dt.datetime,
) -> int:
    new = NewChart(
        name=person.name,
        phone=family.phone,
        sex=person.sex,
        birth_date=dt.date.fromisoformat(person.birth_date),
        source="desk",
        store_id=store_id,
    )
    patient_id = services.create_chart(session, new, by=by, now=now).id
    if family.fan in fans and family.fan != UNBOUND:
        services.bind(session, fan_id=fans[family.fan], patient_id=patient_id, how="desk", by=by, now=now)
    return patient_id
