"""Reading the waiting list (BK-17): wishes, what was offered to them, and what is free that fits them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from engage.booking import rules
from engage.booking.models import Appointment, WaitingOffer, WaitingWish
from engage.booking.queries.openings import all_stretches, taken_in
from engage.booking.queries.terms import terms
from engage.booking.rules import Slot, Span
from engage.booking.rules.terms import may_begin
from engage.booking.rules.waiting import BEFORE_THE_VISIT, OFFER, ON_THE_LIST, fits, is_free_for
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.patients import queries as patients

# So many wishes of a store are looked through at a time.
CONSIDERED: Final = 200
_IN_TURN: Final = Keyset((WaitingWish.created_at, WaitingWish.id))
_ON_THE_LIST: Final = WaitingWish.state.in_(ON_THE_LIST)

Matches = Mapping[int, Sequence[Slot]]


@dataclass(frozen=True, slots=True)
class WishRow:
    """A wish as lists show it, with the names and the offer that is open."""

    wish: WaitingWish
    patient: str
    store: str
    zone: str
    doctor: str
    item: str
    is_reachable: bool
    offer: WaitingOffer | None
    offered_doctor: str


def wish(session: Session, wish_id: int, *, fan_id: int | None = None) -> WaitingWish:
    """Give one wish; with `fan_id`, only if it is the fan's, who still speaks for the patient.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(WaitingWish, (session.tenant_id, wish_id))
    if found is None or (fan_id is not None and not _is_of(session, found, fan_id)):
        raise NotFound(wish=wish_id)
    return found


def locked_wish(session: Session, wish_id: int) -> WaitingWish:
    """Give one wish as it is now, and keep it so to the end of the transaction.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(_keeping(wish_id))
    if found is None:
        raise NotFound(wish=wish_id)
    return found


def free_wish(session: Session, wish_id: int) -> WaitingWish | None:
    """Give a wish that waits, and keep it so; None if it waits no more, or somebody has it just now."""
    return session.scalar(_keeping(wish_id, skip=True).where(WaitingWish.state == "waiting"))


def offered_wish(session: Session, wish_id: int) -> WaitingWish | None:
    """Give a wish with an open offer, and keep it so; None if it has none, or somebody has it just now."""
    return session.scalar(_keeping(wish_id, skip=True).where(WaitingWish.state == "offered"))


def wish_by_key(session: Session, key: uuid.UUID) -> WaitingWish | None:
    """Give the wish that was made with a key."""
    return session.scalar(sa.select(WaitingWish).where(WaitingWish.key == key))


def offer(session: Session, offer_id: int) -> WaitingOffer:
    """Give one offer.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(WaitingOffer, (session.tenant_id, offer_id), populate_existing=True)
    if found is None:
        raise NotFound(offer=offer_id)
    return found


def open_offer(session: Session, wish_id: int) -> WaitingOffer | None:
    """Give the offer of a wish that waits for an answer."""
    return session.scalar(
        sa.select(WaitingOffer).where(WaitingOffer.wish_id == wish_id, WaitingOffer.state == "open")
    )


def last_offer(session: Session, wish_id: int) -> WaitingOffer | None:
    """Give the latest offer of a wish."""
    return session.scalar(
        sa.select(WaitingOffer)
        .where(WaitingOffer.wish_id == wish_id)
        .order_by(WaitingOffer.id.desc())
        .limit(1)
    )


def overdue(session: Session, *, now: dt.datetime, limit: int) -> Sequence[tuple[int, int]]:
    """Give offers whose time is over, as ids of offer and wish."""
    found = session.execute(
        sa.select(WaitingOffer.id, WaitingOffer.wish_id)
        .where(WaitingOffer.state == "open", WaitingOffer.expires_at <= now)
        .order_by(WaitingOffer.wish_id)
        .limit(limit)
    )
    return [(row.id, row.wish_id) for row in found]


def next_expiry(session: Session) -> dt.datetime | None:
    """Give when the next offer's time is over."""
    return session.scalar(sa.select(sa.func.min(WaitingOffer.expires_at)).where(WaitingOffer.state == "open"))


def count_of_patient(session: Session, patient_id: int) -> int:
    """Count the wishes of a patient that are on the list. Sure only under the lock of the patient's times."""
    mine = sa.select(sa.func.count()).select_from(WaitingWish)
    return session.scalars(mine.where(WaitingWish.patient_id == patient_id, _ON_THE_LIST)).one()


def waiting_stores(session: Session) -> Sequence[int]:
    """Give the stores for which somebody waits."""
    return session.scalars(
        sa.select(WaitingWish.store_id).where(_ON_THE_LIST).distinct().order_by(WaitingWish.store_id)
    ).all()


def anybody_waits(session: Session) -> bool:
    """Whether anybody is on the list."""
    return bool(session.scalar(sa.select(sa.exists().where(_ON_THE_LIST))))


def in_turn(session: Session, store_id: int, *, after: WaitingWish | None = None) -> Sequence[WaitingWish]:
    """Give who waits at a store and can be asked by WeChat, who came first first; those `after` one if told.

    Who has an offer of another wish is left out: one at a time.
    """
    asked = sa.select(WaitingWish.fan_id).where(
        WaitingWish.state == "offered", WaitingWish.fan_id.is_not(None)
    )
    statement = (
        sa.select(WaitingWish)
        .where(
            WaitingWish.store_id == store_id,
            WaitingWish.state == "waiting",
            WaitingWish.fan_id.is_not(None),
            WaitingWish.fan_id.not_in(asked),
            fans.closed(WaitingWish.fan_id).is_(None),
        )
        .order_by(WaitingWish.created_at, WaitingWish.id)
        .limit(CONSIDERED)
    )
    if after is not None:
        place = sa.tuple_(WaitingWish.created_at, WaitingWish.id)
        statement = statement.where(place > sa.tuple_(sa.literal(after.created_at), sa.literal(after.id)))
    return session.scalars(statement).all()


def of_patient_waiting(session: Session, patient_id: int) -> Sequence[WaitingWish]:
    """Give the wishes of a patient that are on the list."""
    return session.scalars(
        sa.select(WaitingWish)
        .where(WaitingWish.patient_id == patient_id, _ON_THE_LIST)
        .order_by(WaitingWish.id)
    ).all()


def over(session: Session, store_id: int, today: dt.date) -> Sequence[int]:
    """Give the wishes of a store that wait for days which are over."""
    return session.scalars(
        sa.select(WaitingWish.id)
        .where(WaitingWish.store_id == store_id, WaitingWish.state == "waiting", WaitingWish.to_date < today)
        .order_by(WaitingWish.id)
    ).all()


def wishes_of_fan(session: Session, fan_id: int) -> Sequence[WishRow]:
    """Give a fan's wishes that are on the list, of the patients they speak for."""
    bound = [patient.id for patient in patients.of_fan(session, fan_id)]
    found = session.scalars(
        sa.select(WaitingWish)
        .where(WaitingWish.fan_id == fan_id, WaitingWish.patient_id.in_(bound), _ON_THE_LIST)
        .order_by(WaitingWish.created_at, WaitingWish.id)
    ).all()
    return wish_rows(session, found)


def the_list(
    session: Session, store_ids: Collection[int] | None, *, cursor: str | None, size: int = SIZE
) -> Page[WishRow]:
    """Give who waits at some stores or (None) at all, in their turn."""
    statement = sa.select(WaitingWish).where(_ON_THE_LIST)
    if store_ids is not None:
        statement = statement.where(WaitingWish.store_id.in_(store_ids))
    page = _IN_TURN.page(session.scalars(_IN_TURN.statement(statement, cursor, size)).all(), size)
    return Page(wish_rows(session, page.items), page.next)


def lately_over(session: Session, store_ids: Collection[int] | None, *, limit: int) -> Sequence[WishRow]:
    """Give the wishes that were met or ended last."""
    statement = sa.select(WaitingWish).where(WaitingWish.ended_at.is_not(None))
    if store_ids is not None:
        statement = statement.where(WaitingWish.store_id.in_(store_ids))
    latest = statement.order_by(WaitingWish.ended_at.desc(), WaitingWish.id.desc()).limit(limit)
    return wish_rows(session, session.scalars(latest).all())


def count_waiting(session: Session, store_ids: Collection[int] | None) -> int:
    """Count who waits at some stores or (None) at all."""
    statement = sa.select(sa.func.count()).select_from(WaitingWish).where(_ON_THE_LIST)
    if store_ids is not None:
        statement = statement.where(WaitingWish.store_id.in_(store_ids))
    return session.scalars(statement).one()


def wish_rows(session: Session, wishes: Sequence[WaitingWish]) -> list[WishRow]:
    """Give wishes with their names, in the same few queries however many there are."""
    if not wishes:
        return []
    ids = [one.id for one in wishes]
    offers = {
        one.wish_id: one
        for one in session.scalars(
            sa.select(WaitingOffer).where(WaitingOffer.wish_id.in_(ids), WaitingOffer.state == "open")
        )
    }
    people = patients.patients(session, {one.patient_id for one in wishes})
    asked_for = {one.doctor_id for one in wishes} | {one.doctor_id for one in offers.values()}
    named = {doctor_id for doctor_id in asked_for if doctor_id is not None}
    doctors, stores = clinic.names(session, named, {one.store_id for one in wishes})
    zones = {store.id: store.zone for store in clinic.stores(session)}
    items = clinic.item_names(session, {one.item_id for one in wishes if one.item_id is not None})
    asked = {one.fan_id for one in wishes if one.fan_id is not None}
    closed = fans.closed_of(session, asked)
    return [
        WishRow(
            one,
            people[one.patient_id].name,
            stores[one.store_id],
            zones[one.store_id],
            doctors.get(one.doctor_id or 0, ""),
            items.get(one.item_id or 0, ""),
            one.fan_id is not None and one.fan_id not in closed,
            offers.get(one.id),
            doctors.get(offers[one.id].doctor_id or 0, "") if one.id in offers else "",
        )
        for one in wishes
    ]


def later_visit(session: Session, offered: WishRow, *, who: str, now: dt.datetime) -> Appointment | None:
    """Give the patient's next visit that an offer could be had instead of: later, there, for the same.

    None where there is none that patients or staff (`who`) may still move.
    """
    wish, made = offered.wish, offered.offer
    if made is None:
        return None
    statement = (
        sa.select(Appointment)
        .where(
            Appointment.patient_id == wish.patient_id,
            Appointment.store_id == made.store_id,
            Appointment.state.in_(rules.OPEN),
            Appointment.starts_at > made.starts_at,
        )
        .order_by(Appointment.starts_at)
        .limit(1)
    )
    if wish.item_id is not None:
        statement = statement.where(Appointment.item_id == wish.item_id)
    found = session.scalar(statement)
    until = terms(session, made.store_id).change_until
    may = {} if found is None else rules.actions(found, who, now=now, change_until=until)
    return found if "change" in may else None


def matches(session: Session, store_id: int, wishes: Sequence[WaitingWish], *, now: dt.datetime) -> Matches:
    """Give for each of some wishes of a store the free times that fit it, the soonest first.

    Left out are times that were offered to the wish before, those at which the patient is elsewhere, and
    what patients may not book by themselves. In a number of queries that no wish adds to.
    """
    if not wishes:
        return {}
    store, allowed = clinic.store(session, store_id), terms(session, store_id)
    begin = now + OFFER + BEFORE_THE_VISIT
    last = max(one.to_date for one in wishes) + dt.timedelta(days=1)
    end = min(clock.day_bounds(last, store.zone)[0], now + dt.timedelta(days=allowed.horizon_days + 1))
    if end <= begin:
        return {one.id: [] for one in wishes}
    lengths = {item.id: item.minutes for item in clinic.items(session)}
    slots = _free(
        session, store_id, {lengths.get(one.item_id or 0, 0) for one in wishes}, begin, end, now=now
    )
    offered, busy = _offered(session, wishes), _busy(session, wishes, begin, end)
    return {
        one.id: [
            slot
            for slot in slots[lengths.get(one.item_id or 0, 0)]
            if fits(one, store_id, slot.doctor_id, slot.starts_at, store.zone)
            and may_begin(allowed, slot.starts_at, store.zone, now=now)
            and (one.id, slot.doctor_id, slot.starts_at) not in offered
            and is_free_for(slot, busy.get(one.patient_id, ()))
        ]
        for one in wishes
    }


def _free(
    session: Session,
    store_id: int,
    lengths: Collection[int],
    begin: dt.datetime,
    end: dt.datetime,
    *,
    now: dt.datetime,
) -> Mapping[int, Sequence[Slot]]:
    """Give the slots of all bookable doctors, and of the store's places, cut for visits of some lengths."""
    doctors = [doctor.id for doctor in clinic.doctors(session) if doctor.bookable]
    stretches = all_stretches(session, clinic.store(session, store_id), doctors, begin=begin, end=end)
    taken = taken_in(session, {one.resource for one in stretches}, begin=begin, end=end, now=now)
    return {
        minutes: sorted(
            (
                slot
                for slot in rules.grid(stretches, taken, now=now, minutes=minutes)
                if begin <= slot.starts_at < end
            ),
            key=lambda slot: slot.starts_at,
        )
        for minutes in lengths
    }


def _offered(
    session: Session, wishes: Sequence[WaitingWish]
) -> frozenset[tuple[int, int | None, dt.datetime]]:
    found = session.execute(
        sa.select(WaitingOffer.wish_id, WaitingOffer.doctor_id, WaitingOffer.starts_at).where(
            WaitingOffer.wish_id.in_([one.id for one in wishes])
        )
    )
    return frozenset((row.wish_id, row.doctor_id, row.starts_at) for row in found)


def _busy(
    session: Session, wishes: Sequence[WaitingWish], begin: dt.datetime, end: dt.datetime
) -> Mapping[int, Sequence[Span]]:
    rows = session.execute(
        sa.select(
            Appointment.patient_id, Appointment.resource, Appointment.starts_at, Appointment.ends_at
        ).where(
            Appointment.patient_id.in_({one.patient_id for one in wishes}),
            Appointment.state.in_(rules.LIVE),
            Appointment.starts_at < end,
            Appointment.starts_at > begin - rules.LONGEST,
        )
    )
    found: dict[int, list[Span]] = {}
    for row in rows:
        found.setdefault(row.patient_id, []).append(Span(row.resource, row.starts_at, row.ends_at))
    return found


def _is_of(session: Session, found: WaitingWish, fan_id: int) -> bool:
    return found.fan_id == fan_id and patients.is_bound(session, fan_id, found.patient_id)


def _keeping(wish_id: int, *, skip: bool = False) -> sa.Select[WaitingWish]:
    return (
        sa.select(WaitingWish)
        .where(WaitingWish.id == wish_id)
        .with_for_update(skip_locked=skip)
        .execution_options(populate_existing=True)
    )
