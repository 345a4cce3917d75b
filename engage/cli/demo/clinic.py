"""The chain itself: stores, doctors, items, rosters, staff."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from engage.audit.services import OPERATOR
from engage.cli.demo.shapes import Chain, Place
from engage.cli.demo.visits import COMING_DAYS, PAST_DAYS, SLOT
from engage.clinic import queries, services
from engage.clinic.rules import Hours, Roster
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.patients.queries import PHONE_REGION
from engage.tenancy import queries as tenancy_queries
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant

# Rosters reach further than visits, so that there is room to book.
ROSTER_DAYS = 3 * COMING_DAYS


def set_up(session: Session, chain: Chain, *, now: dt.datetime) -> None:
    """Make stores, doctors, items and complaints, unless the chain has stores."""
    if queries.stores(session):
        return
    settings.put(session, PHONE_REGION, chain.phone_region)
    stores = {place.slug: _store(session, chain, place, now=now) for place in chain.stores}
    for position, doctor in enumerate(chain.doctors):
        services.create_doctor(
            session,
            name=doctor.name,
            title=doctor.title,
            introduction=doctor.introduction,
            position=position,
            by=OPERATOR,
            now=now,
        )
    for position, (heading, items) in enumerate(chain.items):
        category = services.create_category(session, name=heading, position=position, by=OPERATOR, now=now)
        for place, item in enumerate(items):
            services.create_item(
                session,
                services.ItemDetails(
                    category_id=category.id,
                    name=item.name,
                    minutes=item.minutes,
                    store_ids=frozenset(stores[slug] for slug in item.stores),
                ),
                position=place,
                by=OPERATOR,
                now=now,
            )
    for position, text in enumerate(chain.complaints):
        services.create_complaint(session, text=text, position=position, by=OPERATOR, now=now)


def hire(session: Session, chain: Chain, hashed: str, *, now: dt.datetime) -> None:
    """Make the staff, all with the same password."""
    stores = {store.slug: store.id for store in queries.stores(session)}
    for login, name, role, store in chain.staff:
        if tenancy_queries.by_login(session, f"{login}@{chain.slug}"):
            continue
        grant = Grant(role, stores[store] if store else None)
        details = tenancy.StaffDetails(login, name, "zh_Hans", frozenset({grant}))
        tenancy.create_staff(session, details, password_hash=hashed, one_time=False, by=OPERATOR, now=now)


def draw_rosters(session: Session, chain: Chain, *, now: dt.datetime) -> None:
    """Give every doctor shifts for the past month and the coming weeks; those there stay.

    Doctors of other names were made by hand: their rosters are too.
    """
    doctors = {doctor.name: doctor.id for doctor in queries.doctors(session)}
    stores = {store.slug: store.id for store in queries.stores(session)}
    today = clock.local(now, chain.zone).date()
    for doctor in chain.doctors:
        if doctor.name not in doctors:
            continue
        for duty in doctor.duties:
            for begin, end in duty.hours:
                roster = Roster(
                    doctor_id=doctors[doctor.name],
                    store_id=stores[duty.store],
                    weekdays=frozenset(duty.weekdays),
                    from_date=today - dt.timedelta(days=PAST_DAYS),
                    to_date=today + dt.timedelta(days=ROSTER_DAYS),
                    begin_minute=begin * 60,
                    end_minute=end * 60,
                    slot_minutes=SLOT // dt.timedelta(minutes=1),
                    per_slot=doctor.per_slot,
                )
                services.add_shifts(session, roster, by=OPERATOR, now=now)


def _store(session: Session, chain: Chain, place: Place, *, now: dt.datetime) -> int:
    hours = [
        Hours(weekday, opens * 60, closes * 60)
        for weekdays, opens, closes in place.hours
        for weekday in weekdays
    ]
    return services.create_store(
        session,
        slug=place.slug,
        name=place.name,
        short_name=place.short_name,
        address=place.address,
        zone=chain.zone,
        position=chain.stores.index(place),
        phone=place.phone,
        transport=place.transport,
        latitude=Decimal(place.latitude),
        longitude=Decimal(place.longitude),
        any_per_hour=place.any_per_hour,
        hours=hours,
        by=OPERATOR,
        now=now,
    ).id
