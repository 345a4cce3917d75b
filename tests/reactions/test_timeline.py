"""The timeline: each event leaves one line, and running its reaction again leaves none."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR, Actor
from engage.booking import services as booking
from engage.booking.models import Appointment, WaitingOffer
from engage.booking.services import Change, Time
from engage.chat import queries as chats
from engage.chat import services as chat
from engage.chat.reading import Arrival
from engage.coupons import queries as held_coupons
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.fans.services import tags
from engage.inbound import services as inbound
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.patients import profiles
from engage.patients import services as patients
from engage.patients.models import TimelineEntry
from engage.patients.profiles import Question
from engage.patients.services import NewChart, submissions
from engage.patients.services.submissions import Decision
from engage.privacy import services as privacy
from engage.qrcodes import services as qrcodes
from engage.reactions import HANDLERS, timeline
from engage.replies import services as replies
from engage.replies.rules import Content
from engage.tenancy import services as tenancy
from engage.tenancy.models import Staff
from engage.tenancy.rules import Grant
from engage.wechat import messages
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.booking.wishes import wanted
from tests.conftest import Chain
from tests.coupons.scenes import published
from tests.patients.scenes import prove
from tests.wechat.pushes import event
from workers import events, pushes

STAFF = Actor("staff", 7)

Act = Callable[[Scene], object]


@pytest.fixture
def scene(chain: Chain) -> Iterator[Scene]:
    """A chain where fans are bound and can book, seen from inside."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        yield made


def within(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Do one thing in a unit of work of its own."""
    with unit_of_work() as session:
        return work(session, *arguments, **named)


def book(scene: Scene, **changes: Any) -> Any:
    return within(booking.book, scene.wish(**changes), by=scene.fan(), now=clock.now())


def change(scene: Scene) -> Any:
    made = book(scene)
    wish = Change(made.id, made.version, scene.chain.store.id, scene.doctor_id, scene.opens_at + 2 * SLOT)
    return within(booking.change, wish, by=scene.fan(), now=clock.now())


def cancel(scene: Scene) -> Any:
    made = book(scene)
    return within(booking.cancel, made.id, made.version, "", by=scene.fan(), now=clock.now())


def act(*names: str) -> Act:
    """Give a visit whose time has come, and which goes through these acts."""

    def done(scene: Scene) -> Any:
        made, now = book(scene), clock.now()
        begun = sa.update(Appointment).values(starts_at=now, ends_at=now + SLOT)
        within(lambda session: session.execute(begun))
        for name in names:
            made = within(booking.act, made.id, name, by=STAFF, now=clock.now())
        return made

    return done


def attend(scene: Scene) -> Any:
    return within(booking.act, book(scene).id, "attend", by=scene.fan(), now=clock.now())


def confirm(scene: Scene) -> Any:
    """Agree to a visit that was only asked for."""
    made = book(scene)
    within(lambda session: session.execute(sa.update(Appointment).values(state="requested")))
    return within(booking.act, made.id, "approve", by=STAFF, now=clock.now())


def decline(scene: Scene) -> Any:
    """Decline a visit that was only asked for."""
    made = book(scene)
    within(lambda session: session.execute(sa.update(Appointment).values(state="requested")))
    return within(booking.decline_visit, made.id, 1, "full", by=STAFF, now=clock.now())


def walk_in(scene: Scene) -> Any:
    """Note the first patient, who came without an appointment."""
    wish = booking.WalkInWish(uuid.uuid4(), scene.chain.store.id, patient_id=scene.patient_ids[0])
    return within(booking.walk_in, wish, by=STAFF, now=clock.now())


def chart(scene: Scene) -> Any:
    return within(patients.create_chart, NewChart("李雷"), by=OPERATOR, now=clock.now())


def change_chart(scene: Scene) -> Any:
    made = chart(scene)
    changed = NewChart("李蕾")
    return within(patients.change_chart, made.id, changed, version=1, by=OPERATOR, now=clock.now())


def bind(scene: Scene) -> Any:
    about = {"fan_id": scene.fan_ids[0], "patient_id": chart(scene).id}
    return within(patients.bind, **about, how="desk", by=OPERATOR, now=clock.now())


def unbind(scene: Scene) -> Any:
    about = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[0]}
    return within(patients.unbind, **about, by=OPERATOR, now=clock.now())


def verify(scene: Scene) -> Any:
    return within(prove, scene.fan_ids[0], now=clock.now())


def pushed(name: str, more: str = "") -> Act:
    """Let one of the fans follow, leave or scan."""

    def done(scene: Scene) -> None:
        xml = event(name, "openid-0", more, at=1_795_000_000)
        parsed = messages.parse(xml)
        push = inbound.arrived(scene.account_id, parsed, timestamp="1", nonce="1", body=xml, xml=xml)
        within(inbound.put_off, push, late=True, now=clock.now())
        pushes.drain()

    return done


def scan(scene: Scene) -> None:
    """Let one of the fans, who follow, scan a channel code."""
    new = qrcodes.NewCode(scene.account_id, "promotion", "地铁广告")
    code = within(qrcodes.create, new, by=OPERATOR, now=clock.now())
    pushed("SCAN", f"<EventKey>{code.scene}</EventKey><Ticket>t</Ticket>")(scene)


def talk(scene: Scene) -> Any:
    """Let one of the fans write, and an agent reply."""
    now, fan_id = clock.now(), scene.fan_ids[0]
    within(chat.arrived, scene.account_id, fan_id, 7, Arrival("text", "在吗", {}), at=now, now=now)
    told = {"text": "您好", "key": uuid.uuid4(), "seen": 1, "by_staff": lina(scene), "now": now}
    return within(chat.reply, within(chats.of_fan, fan_id), **told)


def redeem(scene: Scene) -> Any:
    """Let one of the fans use a coupon at the desk."""
    told, fan_id = {"by": OPERATOR, "now": clock.now()}, scene.fan_ids[0]
    details = tenancy.StaffDetails(f"desk-{scene.chain.slug}", "Desk", "en", frozenset({Grant("desk")}))
    desk = within(tenancy.create_staff, details, password_hash="-", one_time=False, **told)
    coupon_id = within(coupons.create, coupons.NewCoupon("券", Terms(CASH, 1, valid_days=1)), **told).id
    within(coupons.publish, coupon_id, online=True, offline=False, **told)
    within(coupons.grant_many, coupon_id, [fan_id], cause="campaign", cause_id=1, now=clock.now())
    (held,) = within(held_coupons.of_fan, fan_id, clock.now())
    by, store_id = Actor("staff", desk.id), scene.chain.store.id
    return within(coupons.redeem, held.code, store_id=store_id, by=by, now=clock.now())


def take_from_a_reply(scene: Scene) -> None:
    """Take the coupon that a reply leads to."""
    content = Content("coupon", coupon_id=within(published, now=clock.now()))
    answer = replies.NewReply(content, "equal", ["券"])
    rule = within(replies.add, scene.account_id, answer, by=OPERATOR, now=clock.now())
    within(replies.take, rule.id, scene.fan_ids[0], account_id=scene.account_id, now=clock.now())


def tag(scene: Scene) -> int:
    """Give one of the fans a tag."""
    told = {"by": OPERATOR, "now": clock.now()}
    group = within(tags.create_group, "兴趣", **told)
    tag_id: int = within(tags.create_tag, group.id, "正畸", **told).id
    within(tags.add, [tag_id], [scene.fan_ids[0]], how="hand", **told)
    return tag_id


def untag(scene: Scene) -> None:
    within(tags.remove, [tag(scene)], [scene.fan_ids[0]], by=OPERATOR, now=clock.now())


def lina(scene: Scene) -> int:
    """Make an agent."""
    new = tenancy.StaffDetails(f"lina-{scene.chain.slug}", "Lina", "en", frozenset({Grant("agent")}))
    by_hand = {"password_hash": "-", "one_time": False, "by": OPERATOR, "now": clock.now()}
    staff_id: int = within(tenancy.create_staff, new, **by_hand).id
    return staff_id


def hand_in(scene: Scene) -> Any:
    """Let one of the fans hand in a profile that asks for no phone."""
    asked, version = [Question("name", required=True)], profiles.FIRST.version
    told = {"by_staff": lina(scene), "now": clock.now()}
    within(submissions.save_form, asked, version=version, **told)
    new = {"account_id": scene.account_id, "key": uuid.uuid4(), "now": clock.now()}
    return within(submissions.submit, scene.fan_ids[0], {"name": "李雷"}, **new).row


def decide(how: Callable[..., Any], *more: str) -> Act:
    """Let an agent decide on what was handed in."""

    def done(scene: Scene) -> Any:
        row = hand_in(scene)
        agent = within(lambda session: session.scalars(sa.select(Staff.id).order_by(Staff.id.desc())).first())
        return within(how, Decision(row.id, row.version, agent), *more, now=clock.now())

    return done


def merge(scene: Scene) -> Any:
    """Merge a chart into that of one of the fans."""
    told = {"taken": (), "versions": (1, 1), "by": OPERATOR, "now": clock.now()}
    within(privacy.merge, scene.patient_ids[0], chart(scene).id, **told)


def agree(scene: Scene) -> None:
    within(privacy.write_notice, "我们怎样使用您的信息", by=OPERATOR, now=clock.now())
    within(privacy.give, scene.fan_ids[0], now=clock.now())


def withdraw(scene: Scene) -> None:
    agree(scene)
    within(privacy.withdraw, scene.fan_ids[0], now=clock.now())


def wish(scene: Scene) -> None:
    within(privacy.ask, scene.fan_ids[0], "export", now=clock.now())


def wait(scene: Scene) -> Any:
    return within(booking.add_wish, wanted(scene), by=scene.fan(), now=clock.now())


def offered(scene: Scene) -> Any:
    time = Time(scene.doctor_id, scene.opens_at)
    return within(booking.offer_by_hand, wait(scene).id, time, by=STAFF, now=clock.now())


def offered_and(answer: Callable[..., Any]) -> Act:
    """Let the fan answer an offer."""

    def done(scene: Scene) -> Any:
        return within(answer, offered(scene).id, by=scene.fan(), now=clock.now())

    return done


def run_out(scene: Scene) -> Any:
    offer = offered(scene)
    with unit_of_work() as session:
        session.execute(sa.update(WaitingOffer).values(expires_at=offer.offered_at))
    return within(booking.expire_offers, now=clock.now(), batch=1)


def resume(scene: Scene) -> Any:
    """Let a visit that was asked for meet a wish, and decline it."""
    wish_id = wait(scene).id
    made = book(scene)
    within(booking.settle_wishes, made, now=clock.now())
    within(lambda session: session.execute(sa.update(Appointment).values(state="requested")))
    within(booking.decline_visit, made.id, 1, "full", by=STAFF, now=clock.now())
    events.drain()
    return wish_id


def leave_the_list(scene: Scene) -> Any:
    return within(booking.leave_list, wait(scene).id, by=scene.fan(), now=clock.now())


BY_EVENT: dict[str, Act] = {
    "fan.tagged": tag,
    "fan.untagged": untag,
    "patients.profile_submitted": hand_in,
    "patients.profile_accepted": decide(submissions.create_from),
    "patients.profile_rejected": decide(submissions.reject, "重复提交"),
    "patients.merged": merge,
    "privacy.consented": agree,
    "privacy.withdrawn": withdraw,
    "privacy.requested": wish,
    "fan.followed": pushed("subscribe"),
    "fan.left": pushed("unsubscribe"),
    "fan.scanned": scan,
    "patients.phone_verified": verify,
    "patients.chart_created": chart,
    "patients.chart_changed": change_chart,
    "patients.bound": bind,
    "patients.unbound": unbind,
    "chat.session_opened": talk,
    "chat.dedicated": talk,
    "booking.booked": book,
    "booking.changed": change,
    "booking.cancelled": cancel,
    "booking.confirmed": confirm,
    "booking.declined": decline,
    "booking.attendance_confirmed": attend,
    "booking.called": act("check_in", "call"),
    "booking.kept": act("check_in"),
    "booking.undone": act("check_in", "undo_check_in"),
    "booking.walked_in": walk_in,
    "booking.checked_in": act("check_in"),
    "booking.treatment_started": act("check_in", "start"),
    "booking.completed": act("check_in", "complete"),
    "booking.left": act("check_in", "leave"),
    "booking.no_show": act("no_show"),
    "booking.corrected": act("no_show", "correct"),
    "waiting.wished": wait,
    "waiting.offered": offered,
    "waiting.taken": offered_and(booking.accept_offer),
    "waiting.declined": offered_and(booking.decline_offer),
    "waiting.expired": run_out,
    "waiting.resumed": resume,
    "waiting.ended": leave_the_list,
    "coupons.redeemed": redeem,
    "replies.coupon_taken": take_from_a_reply,
}


# The events that leave a line; of others the timeline does not tell.
TOLD = {
    kind
    for kind, handlers in HANDLERS.items()
    if any(handler.__module__ == timeline.__name__ for handler in handlers)
}


def lines(kind: str = "") -> list[TimelineEntry]:
    """Give the timeline's lines, as they were written."""
    wanted = TimelineEntry.kind == kind if kind else sa.true()
    with unit_of_work() as session:
        return list(session.scalars(sa.select(TimelineEntry).where(wanted).order_by(TimelineEntry.id)))


def run_again() -> None:
    """Let every reaction that has run run once more, as after a crash before its settling."""
    with unit_of_work() as session:
        session.execute(sa.update(OutboxRow).values(settled_at=None, available_at=clock.now(), attempts=0))
    events.drain()


def told_of(kind: str) -> TimelineEntry:
    """Let the reactions run; gives the one line of an event."""
    events.drain()
    (line,) = lines(kind)
    return line


def test_every_event_that_is_told_has_its_line() -> None:
    assert set(BY_EVENT) == TOLD


@pytest.mark.parametrize("kind", sorted(TOLD))
def test_an_event_leaves_one_line_however_often_its_reaction_runs(scene: Scene, kind: str) -> None:
    BY_EVENT[kind](scene)
    line = told_of(kind)
    run_again()
    assert [again.id for again in lines(kind)] == [line.id]
    with unit_of_work() as session:
        assert session.scalars(sa.select(OutboxRow.error).where(OutboxRow.error.is_not(None))).all() == []


@pytest.mark.parametrize("kind", sorted(TOLD))
def test_a_line_is_about_who_it_happened_to(scene: Scene, kind: str) -> None:
    made = BY_EVENT[kind](scene)
    line, fan_id, patient_id = told_of(kind), scene.fan_ids[0], scene.patient_ids[0]
    match kind.partition("."):
        case (_, _, "profile_accepted"):
            assert (line.fan_id, line.patient_id) == (fan_id, made.id)
        case (_, _, "merged" | "walked_in"):
            assert (line.fan_id, line.patient_id) == (None, patient_id)
        case ("fan" | "chat" | "coupons" | "replies" | "privacy", *_) | (
            _,
            _,
            "phone_verified" | "profile_submitted" | "profile_rejected",
        ):
            assert (line.fan_id, line.patient_id) == (fan_id, None)
        case (_, _, "chart_created" | "chart_changed"):
            assert (line.fan_id, line.patient_id) == (None, made.id)
        case (_, _, "bound"):
            assert (line.fan_id, line.patient_id) == (fan_id, made.patient_id)
        case _:
            assert (line.fan_id, line.patient_id) == (fan_id, patient_id)


def test_a_line_holds_no_name_phone_or_words(scene: Scene) -> None:
    book(scene, complaint="牙疼", note="悄悄话")
    for act_of in (verify, bind, unbind):
        act_of(scene)
    events.drain()
    written = str([line.data for line in lines()])
    assert len(lines()) == 5
    assert not any(word in written for word in ("王小红", "李雷", "1380000", "牙疼", "悄悄话"))


def test_the_same_twice_in_earnest_leaves_two_lines(scene: Scene) -> None:
    act("no_show", "correct", "no_show")(scene)
    events.drain()
    assert len(lines("booking.no_show")) == 2
    bind(scene)
    bind(scene)
    events.drain()
    assert len(lines("patients.bound")) == 2


def test_it_stands_when_it_happened_not_when_it_was_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed("subscribe")(scene)
    begun = clock.now()
    chart(scene)
    monkeypatch.setattr(clock, "now", lambda: begun + dt.timedelta(hours=3))
    assert told_of("fan.followed").at == dt.datetime.fromtimestamp(1_795_000_000, dt.UTC)
    assert told_of("patients.chart_created").at - begun < dt.timedelta(minutes=1)


def test_a_visit_that_changed_before_its_line_was_written_tells_no_wrong_time(scene: Scene) -> None:
    change(scene)
    assert "starts_at" not in told_of("booking.booked").data
    moved = told_of("booking.changed").data
    assert moved["starts_at"] == (scene.opens_at + 2 * SLOT).isoformat()
    assert (moved["store_id"], moved["doctor_id"]) == (scene.chain.store.id, scene.doctor_id)


def test_a_cancelled_visit_tells_by_whom(scene: Scene) -> None:
    cancel(scene)
    data = told_of("booking.cancelled").data
    assert (data["by"], data["late"]) == ("patient", False)
