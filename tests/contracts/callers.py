"""Who calls, in tests of routes: browsers logged in without the cost of a password."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import re
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.accounts.menus.rules import REPLY, Entry
from engage.accounts.services import NewPush
from engage.audit.services import OPERATOR, Actor
from engage.blueprints import guard
from engage.booking import services as booking
from engage.booking.rules.waiting import Window
from engage.campaigns import services as campaigns
from engage.chat import queries as chats
from engage.chat import services as chat
from engage.chat.reading import Arrival
from engage.clinic import queries as clinic_queries
from engage.clinic import services as clinic
from engage.coupons import queries as held_coupons
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.fans import services as fans
from engage.fans.services.tasks import Asked
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.patients import queries as patients_queries
from engage.patients import services as patients
from engage.patients.profiles import Question
from engage.privacy import queries as privacy_queries
from engage.privacy import services as privacy
from engage.privacy.models import DuplicatePair
from engage.qrcodes import services as qrcodes
from engage.qrcodes import sheets
from engage.replies import services as replies
from engage.replies.rules import Content as ReplyContent
from engage.tasks import services as tasks
from engage.tasks.services import NewTask
from engage.tenancy import queries
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from engage.wechat.answers import QrCode
from tests.accounts.menus import published
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain, csrf_of
from tests.wechat.pushes import keep

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.54"

# The smallest PNG: one grey pixel.
LOGO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)

_numbers = itertools.count(1)


@dataclass
class Person:
    """A member of staff with a log-in on a browser of their own."""

    id: int
    session_id: int
    client: FlaskClient
    token: str = ""

    @property
    def csrf(self) -> str:
        """The form token of this browser."""
        if not self.token:
            self.token = csrf_of(self.client.get("/console/profile").text)
        return self.token

    def ask(self, method: str, path: str, data: dict[str, str] | None = None) -> TestResponse:
        """Ask as this person, with the form token."""
        if method == "GET":
            return self.client.get(path, query_string=data)
        return self.client.open(path, method=method, data={"csrf_token": self.csrf, **(data or {})})


def log_in_directly(
    app: Flask, chain: Chain, *roles: str, name: str = "", store_id: int | None = None
) -> Person:
    """Make a member of staff, of one store or of all, and a session for them."""
    login = name.lower() or f"p{next(_numbers)}"
    grants = frozenset(Grant(role, store_id) for role in roles)
    with tenant_scope(chain.id), unit_of_work() as session:
        staff = tenancy.create_staff(
            session,
            tenancy.StaffDetails(login, name or login.title(), "en", grants),
            password_hash="none",
            one_time=False,
            by=OPERATOR,
            now=clock.now(),
        )
        token = tenancy.finish_login(session, staff.id, browser="Test", now=clock.now())
    client = app.test_client()
    client.set_cookie(guard.staff_cookie(), guard.cookie_value(chain.id, token))
    with tenant_scope(chain.id), unit_of_work() as session:
        (opened,) = queries.sessions_of(session, staff.id, now=clock.now())
    return Person(staff.id, opened.id, client)


def fan_browser(app: Flask, chain: Chain, fan_id: int) -> FlaskClient:
    """Give the browser of a fan who is known."""
    with tenant_scope(chain.id), unit_of_work() as session:
        token = fans.log_in(session, fan_id, now=clock.now())
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = WECHAT
    client.set_cookie(guard.fan_cookie(), guard.cookie_value(chain.id, token))
    return client


@dataclass(frozen=True, slots=True)
class House:
    """A chain with something of everything, and the ids that addresses may carry."""

    scene: Scene
    owner: Person
    appointment_id: int
    ids: dict[str, int | str]


def furnish(app: Flask, chain: Chain, *, mark: str = "") -> House:
    """Fill a chain; everything that has a name carries the mark."""
    scene = make_scene(chain, doctor=f"{mark}doctor", per_slot=5, patient=f"{mark}patient")
    owner = log_in_directly(app, chain, "owner", name=f"{mark}owner")
    now = clock.now()
    with tenant_scope(chain.id), unit_of_work() as session:
        catalogue = _catalogue(session, mark)
        wish = scene.wish(item_id=catalogue["item_id"], complaint=f"{mark}complaint")
        made = booking.book(session, wish, by=scene.fan(), now=now)
        held = booking.hold(session, scene.slot(slot=1), now=now)
        call_id = _call(session, scene, made.id) or 0
        wish_id = _wish(session, scene)
        guest = booking.WalkInWish(uuid.uuid4(), chain.store.id, name=f"{mark}guest", note=f"{mark}note")
        walk_in_id = booking.walk_in(session, guest, by=OPERATOR, now=now).id
        door = booking.arrival_code(session, chain.store.id, now=now)
        push_id = _push(session, scene.account_id, mark)
        given_up = session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)).all()[0]
        given_up.available_at, given_up.error = None, f"{mark}error"
        message_id = _message(session, scene, made.id, mark)
        coupon_id, grant_id = _coupon(session, scene, mark)
        campaign_id = _campaign(session, scene, coupon_id, mark)
        talk = _talk(session, app, scene, owner, push_id, mark)
        release_id = _menu(session, scene.account_id, mark)
        marked = _marked(session, scene, owner, mark)
        profiled = _profiled(session, scene, owner, mark)
        coded = _codes(session, app, scene, owner, mark)
        private = _private(session, scene)
        answered = _replies(session, app, scene, coupon_id, mark)
        photographed = _photos(session, catalogue["store_id"], str(answered["file"]))
    ids: dict[str, int | str] = {
        **catalogue,
        **marked,
        **profiled,
        **coded,
        **answered,
        **photographed,
        **private,
        **talk,
        "staff_id": owner.id,
        "session_id": owner.session_id,
        "entry_id": given_up.id,
        "account": scene.account_slug,
        "account_id": scene.account_id,
        "push_id": push_id,
        "appointment_id": made.id,
        "hold_id": held.id,
        "call_id": call_id,
        "wish_id": wish_id,
        "walk_in_id": walk_in_id,
        "door": door,
        "patient_id": scene.patient_ids[0],
        "doctor_id": scene.doctor_id,
        "shift_id": scene.shift_id,
        "who": scene.doctor_id,
        "action": "start",
        "message_id": message_id,
        "campaign_id": campaign_id,
        "coupon_id": coupon_id,
        "grant_id": grant_id,
        "kind": "appointment_created",
        "release_id": release_id,
        "line": "token",
        "day": "2030-03-04",
        "app_id": f"wx-{chain.slug}",
        "colour": "0e7c66",
        "filename": "console/console.css",
    }
    return House(scene, owner, made.id, ids)


def _wish(session: Session, scene: Scene) -> int:
    """Let the fan wait for a time."""
    zone = scene.chain.store.zone
    day = clock.local(scene.opens_at, zone).date() + dt.timedelta(days=14)
    wanted = booking.Wanted(
        key=uuid.uuid4(),
        patient_id=scene.patient_ids[0],
        store_id=scene.chain.store.id,
        doctor_id=scene.doctor_id,
        window=Window(tuple(range(7)), 0, 1440, day, day + dt.timedelta(days=7)),
        fan_id=scene.fan_ids[0],
    )
    return booking.add_wish(session, wanted, by=scene.fan(), now=clock.now()).id


def _call(session: Session, scene: Scene, appointment_id: int) -> int | None:
    """Ask staff to call about the visit."""
    now, about = clock.now(), ("appointment", appointment_id, 1)
    asked = NewTask("call_confirm", *about, scene.chain.store.id, now, scene.patient_ids[0])
    return tasks.open_(session, asked, now=now)


def _private(session: Session, scene: Scene) -> dict[str, int | str]:
    """Have a copy asked for, a request of the fan, and two charts that may be one person's."""
    first, second = sorted(scene.patient_ids[:2])
    pair = DuplicatePair(first_id=first, second_id=second, reasons=["phone_name"], found_at=clock.now())
    session.add(pair)
    privacy.ask(session, scene.fan_ids[0], "erase", now=clock.now())
    privacy.ask_copy(session, scene.patient_ids[0], language="en", by=OPERATOR, now=clock.now())
    session.flush()
    return {
        "other_patient_id": scene.patient_ids[1],
        "request_id": privacy_queries.standing(session, scene.fan_ids[0]).requests["erase"].id,
        "task_id": privacy_queries.tasks_of(session, scene.patient_ids[0])[0].id,
    }


def _replies(session: Session, app: Flask, scene: Scene, coupon_id: int, mark: str) -> dict[str, int | str]:
    """Make a reply that leads to a coupon, with a picture."""
    now = clock.now()
    file = app.extensions["files"].put(scene.chain.id, f"\xff\xd8\xff{mark}picture".encode("latin-1"))
    replies.keep_picture(session, scene.account_id, file=file, width=3, height=2)
    content = ReplyContent("coupon", f"{mark}lead", f"{mark}headline", file=file, coupon_id=coupon_id)
    answer = replies.NewReply(content, "equal", [f"{mark}word"])
    rule = replies.add(session, scene.account_id, answer, by=OPERATOR, now=now)
    return {"reply_id": rule.id, "file": file}


def _photos(session: Session, store_id: int, file: str) -> dict[str, int]:
    """Give a store its logo, and two pictures."""
    told: Any = {"by": OPERATOR, "now": clock.now()}
    clinic.set_logo(session, store_id, file, **told)
    for key in (file, "0" * 64):
        clinic.add_picture(session, store_id, clinic.Picture(key, 3, 2), **told)
    return {"picture_id": clinic_queries.pictures(session, [store_id])[store_id][0].id}


def _catalogue(session: Session, mark: str) -> dict[str, int]:
    """Make a second store, an item in its category, and a complaint."""
    told: Any = {"by": OPERATOR, "now": clock.now()}
    store = clinic.create_store(
        session,
        slug="second",
        name=f"{mark}store",
        short_name=f"{mark}store",
        address=f"{mark}address",
        zone="Asia/Shanghai",
        position=1,
        **told,
    )
    store.shown_before = True
    category = clinic.create_category(session, name=f"{mark}category", position=0, **told)
    details = clinic.ItemDetails(category.id, f"{mark}item", 30)
    return {
        "store_id": store.id,
        "category_id": category.id,
        "item_id": clinic.create_item(session, details, position=0, **told).id,
        "complaint_id": clinic.create_complaint(session, text=f"{mark}complaint", position=0, **told).id,
        "closure_id": clinic.add_closure(session, _closure(store.id, mark), **told).id,
    }


def _closure(store_id: int, mark: str) -> clinic.ClosureDetails:
    begin = clock.now() + dt.timedelta(days=200)
    end = begin + dt.timedelta(hours=1)
    return clinic.ClosureDetails(store_id=store_id, starts_at=begin, ends_at=end, reason=f"{mark}closure")


def _marked(session: Session, scene: Scene, owner: Person, mark: str) -> dict[str, int]:
    """Give a fan a tag of a group, and ask for an export."""
    told: Any = {"by": Actor("staff", owner.id), "now": clock.now()}
    group = fans.tags.create_group(session, f"{mark}group", **told)
    tag = fans.tags.create_tag(session, group.id, f"{mark}tag", **told)
    fans.tags.add(session, [tag.id], scene.fan_ids[:1], how="hand", **told)
    asked = Asked("export", {}, {"v": 1}, {"everywhere": True, "store_ids": []}, uuid.uuid4())
    task_id = fans.tasks.ask(session, asked, **told)
    return {
        "fan_id": scene.fan_ids[0],
        "tag_id": tag.id,
        "tag_group_id": group.id,
        "fan_task_id": task_id,
    }


def _profiled(session: Session, scene: Scene, owner: Person, mark: str) -> dict[str, int | str]:
    """Let a fan hand in a profile, and the desk show a code that another scanned."""
    now, patient_id = clock.now(), scene.patient_ids[0]
    asked = [Question("name"), Question("note"), Question("q0000000a", label=f"{mark}question")]
    patients.save_form(session, asked, version=0, by_staff=owner.id, now=now)
    row = chat.hand_in(
        session,
        account_id=scene.account_id,
        fan_id=scene.fan_ids[0],
        typed={"name": f"{mark}profile", "note": f"{mark}note"},
        key=uuid.uuid4(),
        now=now,
    )
    ticket, token = patients.make_ticket(session, patient_id, by_staff=owner.id, now=now)
    (binding, *_others) = patients_queries.bindings_of(session, patient_id)
    return {
        "submission_id": row.id,
        "ticket_id": ticket.id,
        "token": token,
        "binding_id": binding.id,
    }


def _codes(session: Session, app: Flask, scene: Scene, owner: Person, mark: str) -> dict[str, int | str]:
    """Make a channel code that WeChat has made and a fan scanned, and a ZIP with its picture."""
    now, told = clock.now(), {"by": OPERATOR, "now": clock.now()}
    new = qrcodes.NewCode(scene.account_id, "promotion", f"{mark}code", caption=f"{mark}caption")
    code = qrcodes.create(session, new, **told)
    for order in qrcodes.tickets.claim(session, now=now, batch=5):
        made = QrCode(f"{mark}ticket", f"http://weixin.qq.com/q/{mark}", None)
        qrcodes.tickets.settle(session, order, made, now=now)
    scan = {"push_id": scene.account_id, "at": now, "is_first": False, "now": now}
    qrcodes.record_scan(session, scene.fan_ids[0], code.scene, **scan)
    bundle = qrcodes.bundles.ask(session, [code.id], staff_id=owner.id, now=now)
    errand = qrcodes.bundles.claim(session, now=now)
    assert errand is not None
    files = app.extensions["files"]
    qrcodes.bundles.settle(session, errand, files.put(scene.chain.id, f"{mark}zip".encode()))
    sheets.set_logo(session, files.put(scene.chain.id, LOGO), **told)
    return {"code_id": code.id, "bundle_id": bundle.id, "ending": "png"}


def _message(session: Session, scene: Scene, appointment_id: int, mark: str) -> int:
    """Write down a message that waits."""
    message = notifications.Message(
        kind="appointment_created",
        channel="template",
        subject_id=appointment_id,
        subject_version=1,
        account_id=scene.account_id,
        fan_id=scene.fan_ids[0],
        template_id="template",
        fields={},
        page="",
        title=f"{mark}title",
        text=f"{mark}text",
        patient_id=scene.patient_ids[0],
    )
    notifications.write(session, message, now=clock.now())
    return session.scalars(sa.select(Delivery.id)).one()


def _talk(
    session: Session, app: Flask, scene: Scene, owner: Person, push_id: int, mark: str
) -> dict[str, int]:
    """Let a fan with a picture of their own write, and the owner answer with one."""
    now, fan_id = clock.now(), scene.fan_ids[0]
    key = app.extensions["files"].put(scene.chain.id, b"GIF89a" + mark.encode())
    fans.record_profile(session, fan_id, nickname=f"{mark}fan", avatar=key, now=now)
    words = Arrival("text", f"{mark}words", {})
    chat.arrived(session, scene.account_id, fan_id, push_id, words, at=now, now=now)
    conversation_id = chats.of_fan(session, fan_id)
    assert conversation_id is not None
    answer = {"picture": chat.Picture(key, 1, 1), "key": uuid.uuid4(), "seen": 0}
    said = chat.reply(session, conversation_id, **answer, by_staff=owner.id, now=now)
    return {"conversation_id": conversation_id, "chat_message_id": said.id}


def _coupon(session: Session, scene: Scene, mark: str) -> tuple[int, int]:
    """Publish a coupon and give it to a fan; gives it and what the fan holds."""
    now, fan_id = clock.now(), scene.fan_ids[0]
    new = coupons.NewCoupon(f"{mark}coupon", Terms(CASH, amount_minor=1000, valid_days=30))
    coupon = coupons.create(session, new, by=OPERATOR, now=now)
    coupons.publish(session, coupon.id, online=True, offline=True, by=OPERATOR, now=now)
    coupons.grant_many(session, coupon.id, [fan_id], cause="campaign", cause_id=1, now=now)
    (held,) = held_coupons.of_fan(session, fan_id, now)
    return coupon.id, held.id


def _campaign(session: Session, scene: Scene, coupon_id: int, mark: str) -> int:
    """Begin a campaign and give its coupon to those who follow."""
    now = clock.now()
    plan = campaigns.NewPush(f"{mark}campaign", coupon_id, scene.account_id, now + dt.timedelta(hours=1))
    campaign = campaigns.schedule(session, plan, by=OPERATOR, now=now)
    campaigns.start(session, campaign.id, by=OPERATOR, now=now)
    campaigns.work(session, campaign.id, now=now)
    return campaign.id


def _menu(session: Session, account_id: int, mark: str) -> int:
    """Publish a menu; gives its release."""
    return published(session, account_id, (Entry("said", f"{mark}menu"[:4], REPLY, text=f"{mark}text"),)).id


def _push(session: Session, account_id: int, mark: str) -> int:
    """Journal a message of a fan."""
    push = NewPush(
        account_id, f"{mark}key", f"{mark}stamp", "digest", "text", "openid-0", f"<xml>{mark}words</xml>"
    )
    return keep(session, push, reply=f"<xml>{mark}reply</xml>")


def fill(rule: str, ids: dict[str, int | str]) -> str:
    """Put ids into a rule; an argument that nobody knows fails, so that new routes are covered."""
    first_of_a_choice = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule)
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(ids[found[1]]), first_of_a_choice)
