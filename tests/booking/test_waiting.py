"""The waiting list (BK-17): who is offered what, one at a time, and what comes of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR, Actor
from engage.booking import services
from engage.booking.errors import (
    NotOpen,
    OfferOver,
    OfferStands,
    SlotFull,
    Stale,
    TooManyWishes,
    WindowOver,
)
from engage.booking.models import Hold, WaitingOffer, WaitingWish
from engage.booking.queries import waiting as queries
from engage.booking.rules.terms import Terms
from engage.booking.rules.waiting import DAYS_AHEAD, OFFER, QUEUE, Window
from engage.booking.services import Change, Instead, Time, Wanted
from engage.clinic.models import Store
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.errors import NotFound
from engage.notifications import queries as notifications
from engage.notifications.queries import Wanted as Messages
from engage.patients import services as patients
from engage.reactions.notifications import tell_offered
from tests.booking.scenes import SLOT, Scene
from workers import events, waiting

DESK = Actor("staff", 7)
EVERY_DAY = tuple(range(7))
AFTER = dt.timedelta(seconds=1)


def noon(scene: Scene) -> dt.datetime:
    """Give a time of the day, by the store's clock, some hours before the scene's first slot."""
    return scene.opens_at - dt.timedelta(hours=6)


def wanted(scene: Scene, fan: int = 0, **changes: Any) -> Wanted:
    """Make the wish of a fan for their own patient: the scene's day, at any time."""
    zone = scene.chain.store.zone
    day = clock.local(scene.opens_at, zone).date()
    window = Window(EVERY_DAY, 0, 1440, day, day + dt.timedelta(days=7))
    values = {
        "key": uuid.uuid4(),
        "patient_id": scene.patient_ids[fan],
        "store_id": scene.chain.store.id,
        "doctor_id": None,
        "window": window,
        "fan_id": scene.fan_ids[fan],
    }
    return Wanted(**{**values, **changes})


def window_of(scene: Scene, **changes: Any) -> Window:
    whole = wanted(scene).window
    values = {name: getattr(whole, name) for name in Window.__dataclass_fields__}
    return Window(**{**values, **changes})


def fill(session: Session, scene: Scene, *, but: tuple[int, ...] = ()) -> dict[int, int]:
    """Book every slot of the scene by the desk, but some; gives the visits by slot."""
    now, made = noon(scene), {}
    for slot in range(6):
        if slot not in but:
            chart = patients.create_chart(session, patients.NewChart(f"病人{slot}"), by=OPERATOR, now=now)
            wish = scene.wish(slot=slot, patient_id=chart.id, fan_id=None, channel="desk")
            made[slot] = services.book(session, wish, by=DESK, now=now).id
    return made


def free(session: Session, scene: Scene, visit_id: int) -> None:
    services.cancel(session, visit_id, 1, "改期", by=DESK, now=noon(scene))


def offer(session: Session, scene: Scene, at: dt.datetime | None = None) -> WaitingOffer | None:
    return services.offer_next(session, scene.chain.store.id, now=at or noon(scene))


@pytest.fixture
def add(session: Session, scene: Scene) -> Callable[..., WaitingWish]:
    """Put somebody on the list, each a second after the one before."""
    count = 0

    def put(fan: int = 0, **changes: Any) -> WaitingWish:
        nonlocal count
        count += 1
        by = scene.fan(fan) if changes.get("fan_id", 0) is not None else DESK
        now = noon(scene) - dt.timedelta(minutes=10) + count * AFTER
        return services.add_wish(session, wanted(scene, fan, **changes), by=by, now=now)

    return put


@pytest.fixture
def moved_to_noon(scene: Scene, tmp_path: Path) -> Iterator[None]:
    """Let every process's clock show the scene's noon, so that the test holds at any hour."""
    before, file = clock._offset.file, tmp_path / "offset"
    file.write_text(str((noon(scene) - clock.real_now()).total_seconds()))
    clock.use_offset(file)
    yield
    clock.use_offset(before)


def test_a_freed_place_goes_to_who_came_first(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    visits = fill(session, scene)
    first, second = add(0), add(1)
    assert offer(session, scene) is None
    free(session, scene, visits[2])
    made = offer(session, scene)
    assert made is not None
    assert (made.wish_id, made.starts_at) == (first.id, scene.opens_at + 2 * SLOT)
    assert made.expires_at == noon(scene) + OFFER
    assert (first.state, second.state) == ("offered", "waiting")
    assert offer(session, scene) is None  # the one place is kept, and nothing else is free
    assert_balanced()


def test_what_is_offered_cannot_be_had_by_others(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    fill(session, scene, but=(3,))
    add(0)
    assert offer(session, scene) is not None
    with session.begin_nested(), pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=1, slot=3), by=scene.fan(1), now=noon(scene))
    chart = patients.create_chart(session, patients.NewChart("孙七"), by=OPERATOR, now=noon(scene))
    by_desk = scene.wish(slot=3, patient_id=chart.id, fan_id=None)
    with session.begin_nested(), pytest.raises(SlotFull):
        services.book(session, by_desk, by=DESK, now=noon(scene))


def test_who_accepts_is_booked_once(
    session: Session,
    scene: Scene,
    add: Callable[..., WaitingWish],
    assert_balanced: Callable[[], None],
    recorded: Callable[[], list[str]],
) -> None:
    fill(session, scene, but=(1,))
    wish = add(0)
    made = offer(session, scene)
    assert made is not None
    visits = [
        services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene) + AFTER).id for _ in range(2)
    ]
    assert visits[0] == visits[1]
    assert (wish.state, made.state, made.appointment_id) == ("booked", "taken", visits[0])
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()
    told = [event for event in recorded() if event.startswith("waiting.")]
    assert told == ["waiting.wished", "waiting.offered", "waiting.taken"]


def test_a_later_visit_moves_to_what_is_offered(
    session: Session,
    scene: Scene,
    add: Callable[..., WaitingWish],
    assert_balanced: Callable[[], None],
    recorded: Callable[[], list[str]],
) -> None:
    fill(session, scene, but=(1, 4))
    later = services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    add(0)
    made = offer(session, scene)
    assert made is not None
    (row,) = queries.wish_rows(session, [queries.wish(session, made.wish_id)])
    assert queries.later_visit(session, row, who="patient", now=noon(scene)) is later
    instead = services.Instead(later.id, later.version)
    for _ in range(2):  # a double tap
        visit = services.accept_offer(session, made.id, instead=instead, by=scene.fan(), now=noon(scene))
        assert (visit.id, visit.starts_at, visit.version) == (later.id, made.starts_at, 2)
    assert (made.state, made.appointment_id) == ("taken", later.id)
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()
    assert recorded()[-2:] == ["booking.changed", "waiting.taken"]


def test_by_hand_the_desk_moves_a_later_visit(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    fill(session, scene, but=(1, 4))
    later = services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    wish = add(0, fan_id=None)
    at = Time(scene.doctor_id, scene.opens_at + SLOT)
    made = services.offer_by_hand(session, wish.id, at, by=DESK, now=noon(scene))
    instead = services.Instead(later.id, later.version)
    services.accept_offer(session, made.id, instead=instead, by=DESK, now=noon(scene))
    assert (later.starts_at, later.state) == (at.starts_at, "confirmed")
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()


def test_no_visit_of_another_moves_to_what_is_offered(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    fill(session, scene, but=(1, 3, 4))
    theirs = services.book(session, scene.wish(fan=1, slot=4), by=scene.fan(1), now=noon(scene))
    mine = services.book(session, scene.wish(slot=3), by=scene.fan(), now=noon(scene))
    add(0)
    made = offer(session, scene)
    assert made is not None
    instead = services.Instead(theirs.id, theirs.version)
    for by in (scene.fan(), DESK):
        with pytest.raises(NotFound):
            services.accept_offer(session, made.id, instead=instead, by=by, now=noon(scene))
    instead = services.Instead(mine.id, mine.version + 1)
    with pytest.raises(Stale):
        services.accept_offer(session, made.id, instead=instead, by=scene.fan(), now=noon(scene))
    assert made.state == "open"


def test_what_may_not_be_moved_any_more_is_not_asked_for(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    fill(session, scene, but=(1, 4))
    services.book(session, scene.wish(slot=4), by=scene.fan(), now=noon(scene))
    add(0)
    made = offer(session, scene)
    assert made is not None
    (row,) = queries.wish_rows(session, [queries.wish(session, made.wish_id)])
    late = scene.opens_at + AFTER
    assert queries.later_visit(session, row, who="patient", now=late) is None
    assert queries.later_visit(session, row, who="staff", now=late) is not None


def test_nobody_waits_for_ever(session: Session, scene: Scene) -> None:
    for_ever = window_of(scene, to_date=dt.date.max)
    wish = services.add_wish(session, wanted(scene, window=for_ever), by=scene.fan(), now=noon(scene))
    today = clock.local(noon(scene), scene.chain.store.zone).date()
    assert wish.to_date == today + dt.timedelta(days=DAYS_AHEAD)
    assert offer(session, scene) is not None


def test_patients_wait_for_no_store_they_do_not_see(session: Session, scene: Scene) -> None:
    hide(session, scene)
    with pytest.raises(NotFound):
        services.add_wish(session, wanted(scene), by=scene.fan(), now=noon(scene))
    assert services.add_wish(session, wanted(scene), by=DESK, now=noon(scene)).id
    assert offer(session, scene) is None


def hide(session: Session, scene: Scene) -> None:
    """Let the scene's store miss what is required before patients see one."""
    session.execute(sa.update(Store).where(Store.id == scene.chain.store.id).values(shown_before=False))


def test_who_declines_waits_on_and_the_next_is_asked(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    fill(session, scene, but=(1,))
    first, second = add(0), add(1)
    made = offer(session, scene)
    assert made is not None
    for _ in range(2):
        services.decline_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (first.state, made.state) == ("waiting", "declined")
    again = offer(session, scene)
    assert again is not None
    assert again.wish_id == second.id  # the first is not asked for the same time twice
    with pytest.raises(OfferOver):
        services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert_balanced()


def test_no_answer_passes_it_on_and_three_end_the_wish(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    fill(session, scene, but=(0, 1, 2, 3))
    wish, at = add(0), noon(scene)
    for count in (1, 2, 3):
        made = offer(session, scene, at)
        assert made is not None
        assert services.expire_offers(session, now=at, batch=10) == 0
        at = made.expires_at
        assert services.expire_offers(session, now=at, batch=10) == 1
        assert (made.state, wish.unanswered) == ("expired", count)
    assert (wish.state, wish.reason) == ("ended", "unanswered")
    assert offer(session, scene, at) is None
    assert_balanced()


def test_an_offer_that_ran_out_can_be_taken_until_it_is_passed_on(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    fill(session, scene, but=(2,))
    add(0)
    made = offer(session, scene)
    assert made is not None
    late = made.expires_at + AFTER
    services.sweep(session, now=late, batch=10)  # the hold is over, and the place still free
    assert services.accept_offer(session, made.id, by=scene.fan(), now=late).starts_at == made.starts_at


def test_nobody_is_asked_at_night(session: Session, scene: Scene, add: Callable[..., WaitingWish]) -> None:
    wish = add(0)
    zone = scene.chain.store.zone
    day = clock.local(noon(scene), zone).replace(hour=20, minute=59)
    for hour, minute, is_asked in ((21, 0, False), (7, 59, False), (8, 0, True)):
        at = day.replace(hour=hour, minute=minute).astimezone(dt.UTC)
        at -= dt.timedelta(days=1) if hour == 21 else dt.timedelta()
        assert (offer(session, scene, at) is not None) is is_asked, at
    assert wish.state == "offered"


def test_the_list_is_looked_at_again_in_the_morning(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    add(0)
    zone = scene.chain.store.zone
    late = clock.local(noon(scene), zone).replace(hour=22, minute=0)
    morning = (late + dt.timedelta(days=1)).replace(hour=8)
    assert services.next_look(session, now=late.astimezone(dt.UTC)) == morning.astimezone(dt.UTC)
    by_day = late.replace(hour=14).astimezone(dt.UTC)
    assert services.next_look(session, now=by_day) == by_day + dt.timedelta(minutes=10)


@pytest.mark.parametrize(
    ("changes", "slot"),
    [
        ({}, 0),
        ({"from_minute": 19 * 60}, 2),
        ({"to_minute": 18 * 60}, None),
        ({"from_minute": 18 * 60 + 30, "to_minute": 18 * 60 + 31}, 1),
    ],
)
def test_only_what_fits_is_offered(
    session: Session,
    scene: Scene,
    add: Callable[..., WaitingWish],
    changes: dict[str, int],
    slot: int | None,
) -> None:
    add(0, window=window_of(scene, **changes))
    made = offer(session, scene)
    assert (made and made.starts_at) == (None if slot is None else scene.opens_at + slot * SLOT)


def test_a_time_at_which_the_patient_is_elsewhere_is_not_offered(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    add(0, window=window_of(scene, from_minute=18 * 60 + 30))
    services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene))
    made = offer(session, scene)
    assert made is not None
    assert made.starts_at == scene.opens_at + SLOT


def test_one_offer_a_fan_at_a_time(session: Session, scene: Scene, add: Callable[..., WaitingWish]) -> None:
    add(0)
    child = patients.create_chart(session, patients.NewChart("王小明"), by=OPERATOR, now=noon(scene))
    patients.bind(
        session, fan_id=scene.fan_ids[0], patient_id=child.id, how="desk", by=OPERATOR, now=noon(scene)
    )
    other = add(0, patient_id=child.id)
    assert offer(session, scene) is not None
    assert offer(session, scene) is None
    with pytest.raises(OfferStands):
        services.offer_by_hand(
            session, other.id, Time(scene.doctor_id, scene.opens_at + 4 * SLOT), by=DESK, now=noon(scene)
        )


def test_who_cannot_be_written_to_is_left_to_the_desk(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    left, without = add(0), add(1, fan_id=None)
    fans.unfollow(session, _account(scene), "openid-0", changed_at=clock.now(), now=clock.now())
    assert offer(session, scene) is None
    time = Time(scene.doctor_id, scene.opens_at)
    made = services.offer_by_hand(session, without.id, time, by=DESK, now=noon(scene))
    with pytest.raises(OfferStands):
        services.offer_by_hand(session, without.id, time, by=DESK, now=noon(scene))
    with session.begin_nested(), pytest.raises(SlotFull):
        services.offer_by_hand(session, left.id, time, by=DESK, now=noon(scene))
    with pytest.raises(NotOpen):
        services.offer_by_hand(
            session, left.id, Time(scene.doctor_id, scene.opens_at - SLOT), by=DESK, now=noon(scene)
        )
    visit = services.accept_offer(session, made.id, by=DESK, now=noon(scene))
    assert (visit.patient_id, visit.fan_id, visit.channel) == (without.patient_id, None, "desk")
    assert session.scalars(sa.select(Hold)).all() == []


def test_the_desk_books_beside_an_offer_by_hand(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    wish = add(0, fan_id=None)
    services.offer_by_hand(session, wish.id, Time(scene.doctor_id, scene.opens_at), by=DESK, now=noon(scene))
    chart = patients.create_chart(session, patients.NewChart("孙七"), by=OPERATOR, now=noon(scene))
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(patient_id=chart.id, fan_id=None), by=DESK, now=noon(scene))


def test_a_visit_that_is_what_was_waited_for_ends_the_wait(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    meant = add(0, window=window_of(scene, from_minute=19 * 60))
    other = add(0, window=window_of(scene, to_minute=18 * 60 + 30))
    made = offer(session, scene)
    assert made is not None
    assert made.wish_id == meant.id
    visit = services.book(session, scene.wish(slot=3), by=scene.fan(), now=noon(scene))
    for _ in range(2):
        services.settle_wishes(session, visit, now=noon(scene))
    assert (meant.state, made.state, other.state) == ("booked", "withdrawn", "waiting")
    assert_balanced()


def test_whom_nothing_fits_holds_nobody_up(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits is looked through some at a time, to the end of the list."""
    monkeypatch.setattr(queries, "CONSIDERED", 1)
    fill(session, scene, but=(3,))
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    add(window=Window(EVERY_DAY, 0, 5, day, day))
    last = add(1)
    made = offer(session, scene)
    assert made is not None
    assert made.wish_id == last.id


def approve_at(session: Session, scene: Scene) -> None:
    """Let the store look at visits first."""
    terms = Terms(approval=True)
    services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=noon(scene))


def test_what_the_clinic_offered_stands_at_once(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    approve_at(session, scene)
    fill(session, scene, but=(3,))
    add(0)
    made = offer(session, scene)
    assert made is not None
    visit = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (visit.state, visit.version) == ("confirmed", 2)
    again = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (again.id, again.version) == (visit.id, 2)


def test_a_visit_that_moves_to_what_was_offered_stands_at_once(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    approve_at(session, scene)
    fill(session, scene, but=(1, 5))
    later = services.book(session, scene.wish(slot=5), by=DESK, now=noon(scene))
    add(0)
    made = offer(session, scene)
    assert made is not None
    instead = Instead(later.id, later.version)
    moved = services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene), instead=instead)
    assert (moved.id, moved.state, moved.starts_at) == (later.id, "confirmed", scene.opens_at + SLOT)


@pytest.mark.parametrize(
    ("days_are_over", "has_another", "expected"),
    [(False, False, "waiting"), (True, False, "booked"), (False, True, "booked")],
)
def test_who_was_declined_waits_again(
    session: Session,
    scene: Scene,
    add: Callable[..., WaitingWish],
    days_are_over: bool,
    has_another: bool,
    expected: str,
) -> None:
    approve_at(session, scene)
    found = add(0)
    asked = services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene))
    services.settle_wishes(session, asked, now=noon(scene))
    assert (asked.state, found.state) == ("requested", "booked")
    if has_another:
        services.book(session, scene.wish(slot=4), by=DESK, now=noon(scene))
    services.decline_visit(session, asked.id, 1, "满员", by=DESK, now=noon(scene))
    now = noon(scene) + (dt.timedelta(days=9) if days_are_over else AFTER)
    for _ in range(2):
        services.resume_wishes(session, asked, now=now)
    session.refresh(found)
    assert (found.state, found.ended_at is None) == (expected, expected == "waiting")


def test_a_wish_that_was_met_before_the_visit_was_asked_for_does_not_come_back(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    approve_at(session, scene)
    found = add(0)
    first = services.book(session, scene.wish(slot=1), by=DESK, now=noon(scene))
    services.settle_wishes(session, first, now=noon(scene))
    services.cancel(session, first.id, 1, "改期", by=DESK, now=noon(scene))
    asked = services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene) + AFTER)
    services.decline_visit(session, asked.id, 1, "满员", by=DESK, now=noon(scene) + AFTER)
    services.resume_wishes(session, asked, now=noon(scene) + AFTER)
    session.refresh(found)
    assert found.state == "booked"


def test_leaving_gives_back_what_was_offered(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], assert_balanced: Callable[[], None]
) -> None:
    wish = add(0)
    made = offer(session, scene)
    assert made is not None
    with pytest.raises(NotFound):
        services.leave_list(session, wish.id, by=scene.fan(1), now=noon(scene))
    for _ in range(2):
        services.leave_list(session, wish.id, by=scene.fan(), now=noon(scene))
    assert (wish.state, wish.reason, made.state) == ("ended", "left", "withdrawn")
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()


def test_days_that_are_over_end_a_wish(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    over = add(0, window=window_of(scene, from_date=day, to_date=day))
    services.end_wishes(session, scene.chain.store.id, now=scene.opens_at)
    assert over.state == "waiting"
    services.end_wishes(session, scene.chain.store.id, now=scene.opens_at + dt.timedelta(days=1))
    assert (over.state, over.reason) == ("ended", "over")


def test_what_cannot_be_waited_for_is_refused(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    other = (day.weekday() + 1) % 7
    for changes in (
        {"from_date": day - dt.timedelta(days=9), "to_date": day - dt.timedelta(days=5)},
        {"from_date": day, "to_date": day, "weekdays": (other,)},
        {"from_date": day + dt.timedelta(days=200), "to_date": day + dt.timedelta(days=210)},
    ):
        with pytest.raises(WindowOver):
            add(0, window=window_of(scene, **changes))
    with pytest.raises(NotFound):
        add(0, patient_id=scene.patient_ids[1])
    for _ in range(3):
        add(0)
    with pytest.raises(TooManyWishes):
        add(0)


def test_a_repeat_gives_the_wish_it_made(session: Session, scene: Scene) -> None:
    wish, now = wanted(scene), noon(scene)
    made = [services.add_wish(session, wish, by=scene.fan(), now=now).id for _ in range(2)]
    assert made[0] == made[1]


def test_the_fan_is_told_once_and_without_a_name(
    session: Session, scene: Scene, add: Callable[..., WaitingWish]
) -> None:
    add(0)
    made = offer(session, scene)
    assert made is not None
    for _ in range(2):
        tell_offered(session, {"offer_id": made.id}, now=noon(scene))
    (message,) = notifications.history(session, Messages(kind="waiting_offer"), cursor=None).items
    assert (message.state, message.reason) == ("skipped", "no_template")
    assert "王小红" not in f"{message.fields} {message.text}"
    services.decline_offer(session, made.id, by=scene.fan(), now=noon(scene))


def test_the_list_is_read_in_the_same_queries_however_long(
    session: Session, scene: Scene, add: Callable[..., WaitingWish], count_queries: Any
) -> None:
    def cost() -> int:
        session.expire_all()
        with count_queries() as counted:
            page = queries.the_list(session, None, cursor=None)
            wishes = [row.wish for row in page.items]
            queries.matches(session, scene.chain.store.id, wishes, now=noon(scene))
        return counted.n

    add(0)
    first = cost()
    for fan in (0, 0, 1, 1, 1):
        add(fan)
    session.flush()
    assert cost() == first


def test_a_cancelled_visit_reaches_the_next_by_the_workers(scene: Scene, moved_to_noon: None) -> None:
    with tenant_scope(scene.chain.id):
        with unit_of_work() as session:
            visits = fill(session, scene)
            wish_id = services.add_wish(session, wanted(scene), by=scene.fan(), now=noon(scene)).id
        with unit_of_work() as session:
            services.cancel(session, visits[4], 1, "改期", by=DESK, now=clock.now())
        events.drain()
        with unit_of_work() as session:
            assert session.scalars(sa.select(Due).where(Due.queue == QUEUE)).all()
        waiting.drain()
        with unit_of_work() as session:
            made = queries.open_offer(session, wish_id)
            assert made is not None
            assert made.starts_at == scene.opens_at + 4 * SLOT
            mine = (Due.tenant_id == session.tenant_id, Due.queue == QUEUE, Due.at > clock.now())
            assert session.scalar(sa.select(sa.func.min(Due.at)).where(*mine)) <= made.expires_at
            visit = services.accept_offer(session, made.id, by=scene.fan(), now=clock.now())
            moved = Change(visit.id, 1, visit.store_id, visit.doctor_id, made.starts_at)
            assert services.change(session, moved, by=DESK, now=clock.now()).version == 1


def _account(scene: Scene) -> int:
    return scene.account_id
