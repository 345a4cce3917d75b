"""Reading patients, who speaks for them, and what happened to them."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import phonenumbers
import sqlalchemy as sa

from engage.fans import queries as fans
from engage.kernel import leases, sealing, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.kernel.settings import Setting
from engage.patients import rules
from engage.patients.errors import WrongPhone
from engage.patients.identity import Known
from engage.patients.models import (
    Binding,
    FanPhone,
    Patient,
    PatientFact,
    PatientTerm,
    PhoneCode,
    TimelineEntry,
)
from engage.patients.rules import QUEUE

PHONE_REGION = Setting(
    "patients.phone_region", "CN", allowed=lambda region: region in phonenumbers.SUPPORTED_REGIONS
)

LONGEST_NUMBER = 9  # digits of a chart number
TAIL = 4
ALIKE = 6  # terms of one name that begin alike: wxh, wangxh, wangxiaohong
LATELY = dt.timedelta(days=1)

T = TypeVar("T")

_STANDS = Patient.merged_into_id.is_(None)


@dataclass(frozen=True, slots=True)
class Verified:
    """A phone a fan has proven."""

    phone: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Before:
    """Where a page of the timeline ended: the next holds what is older."""

    at: dt.datetime
    id: int


def patient(session: Session, patient_id: int) -> Patient:
    """Give one patient.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Patient, (session.tenant_id, patient_id))
    if found is None:
        raise NotFound(patient=patient_id)
    return found


def locked(session: Session, patient_id: int) -> Patient:
    """Give one patient, whose chart nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    key = (session.tenant_id, patient_id)
    found = session.get(Patient, key, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise NotFound(patient=patient_id)
    return found


def facts(session: Session, ids: Collection[int]) -> Mapping[int, PatientFact]:
    """Give what follows from the visits of patients, by their ids, in one query."""
    found = session.scalars(sa.select(PatientFact).where(PatientFact.patient_id.in_(ids)))
    return {row.patient_id: row for row in found}


def patients(session: Session, ids: Collection[int]) -> Mapping[int, Patient]:
    """Give patients by their ids, in one query."""
    found = session.scalars(sa.select(Patient).where(Patient.id.in_(ids)))
    return {row.id: row for row in found}


def live_ids(session: Session, *, after: int, limit: int) -> Sequence[int]:
    """Give the ids of charts that were neither merged nor erased, the next after the id `after`."""
    live = sa.select(Patient.id).where(
        Patient.id > after, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)
    )
    return session.scalars(live.order_by(Patient.id).limit(limit)).all()


def of_fan(session: Session, fan_id: int) -> Sequence[Patient]:
    """Give the patients a fan speaks for, in the order in which they were bound."""
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    return session.scalars(
        sa.select(Patient)
        .join(Binding, mine)
        .where(Binding.fan_id == fan_id, Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    ).all()


def names_of_fans(session: Session, fan_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
    """Give the names of the patients whom fans speak for, by fan, in one statement."""
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    names: dict[int, list[str]] = defaultdict(list)
    for fan_id, name in session.execute(
        sa.select(Binding.fan_id, Patient.name)
        .join(Patient, mine)
        .where(Binding.fan_id.in_(fan_ids), Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    ):
        names[fan_id].append(name)
    return names


def known_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, Known]:
    """Give what is known of fans now, by fan, for the rules of who is the same person (`identity`); in
    three statements.
    """
    unionids = fans.unionids(session, fan_ids)
    proven = sa.select(FanPhone.fan_id, FanPhone.phone_index).where(FanPhone.fan_id.in_(fan_ids))
    phones = {fan_id: index.hex() for fan_id, index in session.execute(proven)}
    live = sa.select(Binding.fan_id, Binding.patient_id).where(
        Binding.fan_id.in_(fan_ids), Binding.unbound_at.is_(None)
    )
    charts: dict[int, set[int]] = defaultdict(set)
    for fan_id, patient_id in session.execute(live):
        charts[fan_id].add(patient_id)
    return {
        fan_id: Known(
            fan_id,
            unionids[fan_id].hex() if fan_id in unionids else None,
            frozenset({phones[fan_id]} if fan_id in phones else ()),
            frozenset(charts.get(fan_id, ())),
        )
        for fan_id in fan_ids
    }


def speaking() -> sa.Select[int, int]:
    """Build the statement that gives who speaks for whom, or did once, as `fan_id` and `patient_id`."""
    return sa.select(Binding.fan_id.label("fan_id"), Binding.patient_id.label("patient_id"))


def fans_of(session: Session, patient_id: int) -> Sequence[int]:
    """Give the fans who speak for a patient, in the order in which they were bound."""
    return session.scalars(
        sa.select(Binding.fan_id)
        .where(Binding.patient_id == patient_id, Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    ).all()


def fans_of_all(session: Session, patient_ids: Collection[int]) -> frozenset[int]:
    """Give the fans who speak for any of some patients, in one statement."""
    live = (Binding.patient_id.in_(patient_ids), Binding.unbound_at.is_(None))
    return frozenset(session.scalars(sa.select(Binding.fan_id).where(*live)))


def is_bound(session: Session, fan_id: int, patient_id: int) -> bool:
    """Whether a fan speaks for a patient now."""
    live = sa.exists().where(
        Binding.fan_id == fan_id, Binding.patient_id == patient_id, Binding.unbound_at.is_(None)
    )
    return bool(session.scalar(sa.select(live)))


def bound(
    tenant_id: sa.ColumnElement[int], fan_id: sa.ColumnElement[int], patient_id: sa.ColumnElement[int]
) -> sa.Exists:
    """Say what `is_bound` does, as part of a statement that is built once."""
    table = cast("sa.Table", Binding.__table__)
    return sa.exists().where(
        table.c.tenant_id == tenant_id,
        table.c.fan_id == fan_id,
        table.c.patient_id == patient_id,
        table.c.unbound_at.is_(None),
    )


def was_bound(session: Session, fan_id: int, patient_id: int) -> bool:
    """Whether a fan speaks for a patient, or did once."""
    ever = sa.exists().where(Binding.fan_id == fan_id, Binding.patient_id == patient_id)
    return bool(session.scalar(sa.select(ever)))


def binding(session: Session, binding_id: int) -> Binding:
    """Give one binding, also a past one.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Binding, (session.tenant_id, binding_id))
    if found is None:
        raise NotFound(binding=binding_id)
    return found


def patients_of(session: Session, binding_ids: Sequence[int]) -> Mapping[int, int]:
    """Give the patient of each of these bindings that there are."""
    these = Binding.id.in_(binding_ids)
    rows = session.execute(sa.select(Binding.id, Binding.patient_id).where(these))
    return {row.id: row.patient_id for row in rows}


def bindings_of(session: Session, patient_id: int) -> Sequence[Binding]:
    """Give a patient's bindings that live, oldest first."""
    return session.scalars(
        sa.select(Binding)
        .where(Binding.patient_id == patient_id, Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    ).all()


def bindings_of_fan(session: Session, fan_id: int) -> Sequence[tuple[Binding, Patient]]:
    """Give a fan's bindings that live with whom they are for, oldest first, in one statement."""
    mine = (Binding.tenant_id == Patient.tenant_id) & (Binding.patient_id == Patient.id)
    found = session.execute(
        sa.select(Binding, Patient)
        .join(Patient, mine)
        .where(Binding.fan_id == fan_id, Binding.unbound_at.is_(None))
        .order_by(Binding.id)
    )
    return [(row.Binding, row.Patient) for row in found]


def first_bound_with(session: Session, binding: Binding) -> int | None:
    """Give the first of the fan's bindings that were made together with this one and still stand."""
    together = sa.select(sa.func.min(Binding.id)).where(
        Binding.fan_id == binding.fan_id, Binding.bound_at == binding.bound_at, Binding.unbound_at.is_(None)
    )
    return session.scalars(together).one()


def verified_phone(session: Session, fan_id: int) -> Verified | None:
    """Give the phone a fan has proven, if any."""
    found = session.get(FanPhone, (session.tenant_id, fan_id))
    return None if found is None else Verified(found.phone, found.verified_at)


def last_code(session: Session, fan_id: int) -> PhoneCode | None:
    """Give the code a fan asked for last, for whichever phone, if any."""
    return session.scalar(
        sa.select(PhoneCode).where(PhoneCode.fan_id == fan_id).order_by(PhoneCode.id.desc()).limit(1)
    )


def phone_of(session: Session, text: str) -> str:
    """Give a typed phone as it is stored; without a country's prefix it is of the chain's country.

    Raises:
        WrongPhone: no such number can exist.
    """
    return rules.normalised(text, settings.get(session, PHONE_REGION))


def of_phone(session: Session, phone: str) -> Sequence[Patient]:
    """Give the patients whose chart has a phone (E.164), by chart number; not those that were merged."""
    return session.scalars(
        sa.select(Patient)
        .where(Patient.phone_index == sealing.index(phone), Patient.merged_into_id.is_(None))
        .order_by(Patient.number)
    ).all()


def search(session: Session, words: str, *, limit: int) -> Sequence[Patient]:
    """Find patients by the beginning of a name or of its later characters, in Chinese or as it is typed
    in Latin letters (wxh, wangxh), a whole phone or its last four digits, a chart number, or an e-mail
    address; what is exactly so comes first. A merged chart's number finds the one it was merged into.
    """
    asked = rules.tidy(words).casefold()
    if not asked:
        return []
    ids: dict[int, None] = {}
    for statement in _searches(session, asked):
        ids |= dict.fromkeys(session.scalars(statement.limit(limit * ALIKE)))
    wanted = list(ids)[:limit]
    found = patients(session, wanted)
    return [found[patient_id] for patient_id in wanted]


def timeline(
    session: Session, patient_id: int, *, limit: int, before: Before | None = None
) -> Sequence[TimelineEntry]:
    """Give what happened to a patient, latest first.

    What happened to a fan who speaks for the patient belongs to it too, unless it is about another
    patient of that fan.
    """
    fans = sa.select(Binding.fan_id).where(Binding.patient_id == patient_id, Binding.unbound_at.is_(None))
    entry = TimelineEntry
    mine = entry.patient_id == patient_id
    fans_own = entry.patient_id.is_(None) & entry.fan_id.in_(fans)
    older = sa.true() if before is None else sa.tuple_(entry.at, entry.id) < (before.at, before.id)
    pages = [
        sa.select(entry.id).where(whose, older).order_by(entry.at.desc(), entry.id.desc()).limit(limit)
        for whose in (mine, fans_own)
    ]
    ids = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages))
    return session.scalars(
        sa.select(entry).where(entry.id.in_(ids)).order_by(entry.at.desc(), entry.id.desc()).limit(limit)
    ).all()


def codes_backlog(session: Session, *, now: dt.datetime) -> Backlog:
    """Give how the queue of codes stands; of those that were not sent, or perhaps not, the last day's."""
    lost = sa.select(sa.func.count()).where(
        PhoneCode.state.in_(rules.LOST), PhoneCode.created_at > now - LATELY
    )
    return Backlog(QUEUE, *leases.waiting(session, PhoneCode, QUEUE), session.scalar(lost) or 0)


def _searches(session: Session, asked: str) -> list[sa.Select[int]]:
    """Give the ways to look for something, the surest first; a search by name only where no digits stand."""
    if "@" in asked:
        return [sa.select(Patient.id).where(Patient.email_index == email_index(asked), _STANDS)]
    digits = "".join(str(unicodedata.decimal(char)) for char in asked if char.isdecimal())
    if not digits or any(char.isalpha() for char in asked):
        return [_of_term(term) for term in rules.asked_terms(asked)]
    ways = []
    if len(digits) <= LONGEST_NUMBER:
        stands = sa.func.coalesce(Patient.merged_into_id, Patient.id)
        ways.append(sa.select(stands).where(Patient.number == int(digits)))
    if len(digits) == TAIL:
        ways.append(sa.select(Patient.id).where(Patient.tail_index == tail_index(digits), _STANDS))
    try:
        phone = phone_of(session, asked)
    except WrongPhone:
        return ways
    return [*ways, sa.select(Patient.id).where(Patient.phone_index == sealing.index(phone), _STANDS)]


def _of_term(asked: str) -> sa.Select[int]:
    found = PatientTerm
    return (
        sa.select(found.patient_id)
        .where(found.term >= asked, found.term < asked + "\U0010ffff")
        .order_by(found.term, found.patient_id)
    )


def tail_index(phone: str) -> bytes:
    """Give what a phone's last four digits are found by."""
    return sealing.index(f"tail {phone[-TAIL:]}")


def email_index(email: str) -> bytes:
    """Give what an e-mail address is found by."""
    return sealing.index(f"mail {email}")
