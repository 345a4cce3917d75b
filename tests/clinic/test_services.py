"""Setting up the clinic: stores with hours, doctors, items, presets, rosters; each change in the trail."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import Actor
from engage.clinic import queries, rules, services
from engage.clinic.errors import CategoryInUse, DoctorElsewhere, SlugTaken
from engage.clinic.models import Shift, StoreHours
from engage.clinic.rules import Hours, Roster
from engage.clinic.services import ItemDetails, StoreDetails, rosters
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import Invalid, NotFound
from tests.concurrency.race import race

NOW = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)
BY = Actor("staff", 7)
TOLD = {"by": BY, "now": NOW}
MONDAY = dt.date(2026, 11, 23)
MORNING = Hours(0, 540, 720)


def details(**changed) -> StoreDetails:
    return replace(StoreDetails("康美口腔徐汇店", "徐汇店", "淮海中路 999 号", "Asia/Shanghai"), **changed)


def roster(scope, doctor_id, **changed) -> Roster:
    usual = Roster(
        doctor_id=doctor_id,
        store_id=scope.store.id,
        weekdays=frozenset(range(5)),
        from_date=MONDAY,
        to_date=MONDAY + dt.timedelta(days=6),
        begin_minute=540,
        end_minute=720,
        slot_minutes=30,
        per_slot=2,
    )
    return replace(usual, **changed)


def trail(session, action) -> list[list[str]]:
    """Give what was written down of an action of ours: the fields of each entry."""
    session.flush()
    ours = sa.select(AuditEntry.fields).where(AuditEntry.actor_id == BY.id, AuditEntry.at == NOW)
    return list(session.scalars(ours.where(AuditEntry.action == action).order_by(AuditEntry.id)))


@pytest.fixture
def doctor_id(session) -> int:
    return services.create_doctor(session, name="李明", title="主任医师", position=0, **TOLD).id


# Stores


def test_a_store_is_open_all_day_until_hours_are_given(session, scope):
    assert queries.hours(session, [scope.store.id]) == {scope.store.id: list(rules.WHOLE_WEEK)}


def test_a_store_is_made_with_its_place_and_hours(session):
    hours = [Hours(1, 540, 1080), MORNING]
    made = services.create_store(
        session,
        slug="pudong",
        name="浦东店",
        short_name="浦东",
        address="世纪大道 1 号",
        zone="Asia/Shanghai",
        position=1,
        latitude=Decimal("31.215300"),
        longitude=Decimal("121.458600"),
        hours=hours,
        **TOLD,
    )
    assert queries.hours(session, [made.id])[made.id] == [MORNING, Hours(1, 540, 1080)]
    assert trail(session, "store.created") == [[]]


def test_a_short_address_is_taken_once(session, scope):
    made = {"name": "x", "short_name": "x", "address": "x", "zone": "UTC", "position": 1}
    with pytest.raises(SlugTaken):
        services.create_store(session, slug=scope.store.slug, **made, **TOLD)
    assert len(queries.stores(session)) == 1


def test_a_change_of_a_store_names_what_changed(session, scope):
    services.update_store(session, scope.store.id, details(phone="021-1", hours=[MORNING]), **TOLD)
    services.update_store(session, scope.store.id, details(phone="021-1", hours=[MORNING]), **TOLD)
    assert queries.store(session, scope.store.id).phone == "021-1"
    assert queries.hours(session, [scope.store.id])[scope.store.id] == [MORNING]
    assert trail(session, "store.updated") == [["hours", "phone"]]


def test_wrong_hours_leave_a_store_as_it_was(session, scope):
    with pytest.raises(Invalid):
        services.update_store(session, scope.store.id, details(name="new", hours=[Hours(0, 9, 8)]), **TOLD)
    assert queries.store(session, scope.store.id).name == "康美口腔徐汇店"
    with pytest.raises(NotFound):
        services.update_store(session, scope.store.id + 1, details(), **TOLD)


@pytest.mark.parametrize(
    ("opens", "closes", "constraint"),
    [(600, 600, "within_the_day"), (600, 1500, "within_the_day"), (60, 120, "store_hours_apart")],
)
def test_the_database_keeps_hours_that_no_day_has_out(session, scope, opens, closes, constraint):
    session.add(StoreHours(store_id=scope.store.id, weekday=0, opens=opens, closes=closes))
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        session.flush()


# Doctors


def test_a_doctor_is_changed(session, doctor_id):
    changed = {"name": "李明", "title": "院长", "bookable": False, "introduction": "正畸"}
    changed |= {"good_at": "隐形矫正", "is_expert": True}
    services.update_doctor(session, doctor_id, **changed, **TOLD)
    services.update_doctor(session, doctor_id, **changed, **TOLD)
    assert queries.doctor(session, doctor_id).bookable is False
    assert trail(session, "doctor.updated") == [["bookable", "good_at", "introduction", "is_expert", "title"]]
    with pytest.raises(NotFound):
        services.update_doctor(session, doctor_id + 1, **changed, **TOLD)


# Items


@pytest.fixture
def category_id(session) -> int:
    return services.create_category(session, name="检查", position=0, **TOLD).id


def names(items) -> list[str]:
    return [item.name for item in items]


def test_a_store_offers_what_is_for_all_and_what_is_for_it(session, scope, category_id):
    other = services.create_store(
        session, slug="b", name="b", short_name="b", address="b", zone="UTC", position=1, **TOLD
    )
    for position, (name, stores) in enumerate(
        {"all": frozenset(), "here": frozenset({scope.store.id}), "there": frozenset({other.id})}.items()
    ):
        made = ItemDetails(category_id, name, 30, store_ids=stores)
        services.create_item(session, made, position=position, **TOLD)
    off = ItemDetails(category_id, "off", 30, enabled=False)
    services.create_item(session, off, position=9, **TOLD)
    assert names(queries.items(session)) == ["all", "here", "there", "off"]
    assert names(queries.items(session, store_id=scope.store.id, enabled_only=True)) == ["all", "here"]
    assert names(queries.items(session, store_id=other.id)) == ["all", "there", "off"]


def test_a_change_of_an_item_names_what_changed(session, scope, category_id):
    item = services.create_item(session, ItemDetails(category_id, "洗牙", 30), position=0, **TOLD)
    here = frozenset({scope.store.id})
    services.update_item(session, item.id, ItemDetails(category_id, "洗牙", 45, store_ids=here), **TOLD)
    services.update_item(session, item.id, ItemDetails(category_id, "洗牙", 45, store_ids=here), **TOLD)
    assert queries.item_stores(session, [item.id]) == {item.id: here}
    assert trail(session, "item.updated") == [["minutes", "stores"]]


@pytest.mark.parametrize("minutes", [0, 4, 32, 485])
def test_the_database_keeps_lengths_off_the_grid_out(session, category_id, minutes):
    with pytest.raises(sa.exc.IntegrityError, match="takes_a_while"):
        services.create_item(session, ItemDetails(category_id, "x", minutes), position=0, **TOLD)


def test_an_item_that_nobody_booked_is_removed(session, scope, category_id):
    made = ItemDetails(category_id, "洗牙", 30, store_ids=frozenset({scope.store.id}))
    item = services.create_item(session, made, position=0, **TOLD)
    assert services.remove_item(session, item.id, **TOLD)
    assert queries.items(session) == []
    assert trail(session, "item.removed") == [[]]
    with pytest.raises(NotFound):
        services.remove_item(session, item.id, **TOLD)


def test_a_category_goes_when_it_is_empty(session, category_id):
    item = services.create_item(session, ItemDetails(category_id, "洗牙", 30), position=0, **TOLD)
    with pytest.raises(CategoryInUse):
        services.remove_category(session, category_id, **TOLD)
    services.remove_item(session, item.id, **TOLD)
    services.remove_category(session, category_id, **TOLD)
    services.remove_category(session, category_id, **TOLD)
    assert queries.categories(session) == []
    assert trail(session, "item_category.removed") == [[]]


def test_complaint_presets_are_reworded_and_removed(session):
    made = services.create_complaint(session, text="牙痛", position=0, **TOLD)
    services.update_complaint(session, made.id, text="牙疼", **TOLD)
    services.update_complaint(session, made.id, text="牙疼", **TOLD)
    assert [one.text for one in queries.complaints(session)] == ["牙疼"]
    assert trail(session, "complaint.updated") == [["text"]]
    services.remove_complaint(session, made.id, **TOLD)
    services.remove_complaint(session, made.id, **TOLD)
    assert queries.complaints(session) == []
    assert trail(session, "complaint.removed") == [[]]


# Order


def test_rows_change_places_with_their_neighbours(session):
    a, b, c = (services.create_complaint(session, text=text, position=0, **TOLD).id for text in "abc")

    def order() -> str:
        return "".join(one.text for one in queries.complaints(session))

    for row, up, after in ((c, True, "acb"), (c, True, "cab"), (c, True, "cab"), (a, False, "cba")):
        services.move(session, "complaint", row, up=up, **TOLD)
        assert order() == after
    services.move(session, "complaint", a, up=False, **TOLD)
    assert order() == "cba"
    assert len(trail(session, "complaint.moved")) == 3
    with pytest.raises(NotFound):
        services.move(session, "complaint", b + 99, up=True, **TOLD)


def test_an_item_moves_within_its_category(session, category_id):
    other = services.create_category(session, name="治疗", position=1, **TOLD).id
    for position, (name, category) in enumerate([("a", category_id), ("b", other), ("c", category_id)]):
        services.create_item(session, ItemDetails(category, name, 30), position=position, **TOLD)
    last = queries.items(session)[1]
    assert last.name == "c"
    services.move(session, "item", last.id, up=True, **TOLD)
    assert names(queries.items(session)) == ["c", "a", "b"]


# Rosters


def test_a_roster_adds_a_shift_on_each_of_its_days(session, scope, doctor_id):
    added = services.add_shifts(session, roster(scope, doctor_id), **TOLD)
    assert (added.added, added.present, added.clashes) == (5, 0, ())
    begin, end = (dt.datetime(2026, 11, day, tzinfo=dt.UTC) for day in (22, 30))
    shifts = queries.shifts(session, doctor_id, begin=begin, end=end)
    assert [f"{one.starts_at:%a %H:%M}–{one.ends_at:%H:%M}" for one in shifts] == [
        f"{day} 01:00–04:00" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")
    ]
    assert {(one.slot_minutes, one.per_slot) for one in shifts} == {(30, 2)}
    assert trail(session, "roster.added") == [[]]


def test_a_roster_added_again_adds_what_is_missing_and_tells_what_stands_in_the_way(
    session, scope, doctor_id
):
    services.add_shifts(session, roster(scope, doctor_id, weekdays=frozenset({0, 1})), **TOLD)
    begin = rules.moment(MONDAY + dt.timedelta(days=2), 600, "Asia/Shanghai")
    services.add_shift(
        session,
        doctor_id=doctor_id,
        store_id=scope.store.id,
        starts_at=begin,
        ends_at=begin + dt.timedelta(hours=1),
        slot_minutes=30,
        per_slot=1,
    )
    added = services.add_shifts(session, roster(scope, doctor_id), **TOLD)
    assert (added.added, added.present) == (2, 2)
    assert added.clashes == (MONDAY + dt.timedelta(days=2),)


def test_a_roster_without_a_day_adds_nothing(session, scope, doctor_id):
    wish = roster(scope, doctor_id, weekdays=frozenset({6}), to_date=MONDAY)
    assert services.add_shifts(session, wish, **TOLD).added == 0
    assert trail(session, "roster.added") == []


def test_shifts_keep_their_local_time_when_clocks_change(session, doctor_id):
    berlin = services.create_store(
        session, slug="b", name="b", short_name="b", address="b", zone="Europe/Berlin", position=1, **TOLD
    )
    wish = Roster(
        doctor_id, berlin.id, frozenset({5, 6}), dt.date(2026, 3, 28), dt.date(2026, 3, 29), 540, 600, 30, 1
    )
    services.add_shifts(session, wish, **TOLD)
    begins = session.scalars(sa.select(Shift.starts_at).order_by(Shift.starts_at)).all()
    assert [f"{begin.astimezone(dt.UTC):%d %H:%M}" for begin in begins] == ["28 08:00", "29 07:00"]


def test_a_doctor_is_never_at_two_places_at_once(session, scope, doctor_id):
    services.add_shifts(session, roster(scope, doctor_id), **TOLD)
    begin = rules.moment(MONDAY, 700, "Asia/Shanghai")
    shift = {"slot_minutes": 30, "per_slot": 1, "store_id": scope.store.id}
    with pytest.raises(DoctorElsewhere):
        services.add_shift(
            session, doctor_id=doctor_id, starts_at=begin, ends_at=begin + dt.timedelta(hours=2), **shift
        )
    begin = rules.moment(MONDAY, 720, "Asia/Shanghai")
    services.add_shift(
        session, doctor_id=doctor_id, starts_at=begin, ends_at=begin + dt.timedelta(hours=2), **shift
    )


def test_the_database_itself_keeps_a_doctor_at_one_place(session, scope, doctor_id):
    services.add_shifts(session, roster(scope, doctor_id, to_date=MONDAY), **TOLD)
    begin = rules.moment(MONDAY, 660, "Asia/Shanghai")
    session.add(
        Shift(
            doctor_id=doctor_id,
            store_id=scope.store.id,
            starts_at=begin,
            ends_at=begin + dt.timedelta(hours=2),
            slot_minutes=30,
            per_slot=1,
        )
    )
    with pytest.raises(sa.exc.IntegrityError) as refusal:
        session.flush()
    assert isinstance(refusal.value.orig, psycopg.errors.ExclusionViolation)


def test_a_shift_is_removed_once(session, scope, doctor_id):
    services.add_shifts(session, roster(scope, doctor_id, to_date=MONDAY), **TOLD)
    shift_id = session.scalars(sa.select(Shift.id)).one()
    services.remove_shift(session, shift_id, **TOLD)
    services.remove_shift(session, shift_id, **TOLD)
    assert trail(session, "roster.removed") == [[]]
    with pytest.raises(NotFound):
        queries.shift(session, shift_id)


def test_shifts_are_found_by_store_by_doctors_and_by_the_time_they_touch(session, scope, doctor_id):
    services.add_shifts(session, roster(scope, doctor_id), **TOLD)
    other = services.create_doctor(session, name="周", title="", position=1, **TOLD).id
    services.add_shifts(session, roster(scope, other), **TOLD)
    nine, noon = (rules.moment(MONDAY, minute, "Asia/Shanghai") for minute in (540, 720))
    minute = dt.timedelta(minutes=1)

    def found(begin, end, **chosen) -> int:
        return len(queries.shifts_at(session, begin=begin, end=end, **chosen))

    assert found(nine, noon) == 2
    assert found(nine, noon, doctor_ids=[other]) == 1
    assert found(nine, noon, store_id=scope.store.id, doctor_ids=[doctor_id, other]) == 2
    assert found(nine, noon, store_id=scope.store.id + 1) == 0
    assert found(noon, noon + minute) == found(nine - minute, nine) == 0
    assert found(noon - minute, noon + minute) == 2


# At once


@pytest.fixture
def committed(chain) -> int:
    """A doctor whom other transactions see."""
    with tenant_scope(chain.id), unit_of_work() as work:
        return services.create_doctor(work, name="李明", title="", position=0, **TOLD).id


def adding(wish: Roster):
    return lambda session: services.add_shifts(session, wish, **TOLD).added


def inserting(wish: Roster):
    """Make the call that looks first and then inserts plainly."""

    def call(session) -> int:
        rows = [rosters._row(wish, date, "Asia/Shanghai") for date in wish.dates()]
        begin, end = rows[0]["starts_at"], rows[-1]["ends_at"]
        if queries.shifts(session, wish.doctor_id, begin=begin, end=end):
            return 0
        session.execute(sa.insert(Shift), rows)
        return len(rows)

    return call


def test_two_who_add_the_same_roster_at_once_add_it_once(app, chain, committed):
    wish = roster(chain, committed)
    assert sorted(race(app, chain.id, [adding(wish)] * 4)) == [0, 0, 0, 5]


def test_of_two_rosters_that_overlap_each_day_goes_to_one(app, chain, committed):
    early, late = roster(chain, committed), roster(chain, committed, begin_minute=600, end_minute=900)
    assert sum(race(app, chain.id, [adding(early), adding(late)] * 2)) == 5


def test_control_who_looks_first_is_refused_by_the_database(app, chain, committed):
    wish = roster(chain, committed)
    results = race(app, chain.id, [inserting(wish)] * 8)
    with tenant_scope(chain.id), unit_of_work() as work:
        assert work.scalar(sa.select(sa.func.count()).select_from(Shift)) == 5
    assert any(isinstance(result, sa.exc.DBAPIError) for result in results)
