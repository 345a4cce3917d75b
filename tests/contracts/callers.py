"""Who calls, in tests of routes: browsers logged in without the cost of a password."""

from __future__ import annotations

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

from engage.accounts.services import NewPush
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.booking import services as booking
from engage.campaigns import services as campaigns
from engage.chat import queries as chats
from engage.chat import services as chat
from engage.chat.reading import Arrival
from engage.clinic import services as clinic
from engage.coupons import queries as held_coupons
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.tenancy import queries
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain, csrf_of
from tests.wechat.pushes import keep

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.54"

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
            return self.client.get(path)
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
        push_id = _push(session, scene.account_id, mark)
        given_up = session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)).all()[0]
        given_up.available_at, given_up.error = None, f"{mark}error"
        message_id = _message(session, scene, made.id, mark)
        coupon_id, grant_id = _coupon(session, scene, mark)
        campaign_id = _campaign(session, scene, coupon_id, mark)
        talk = _talk(session, app, scene, owner, push_id, mark)
    ids: dict[str, int | str] = {
        **catalogue,
        **talk,
        "staff_id": owner.id,
        "session_id": owner.session_id,
        "entry_id": given_up.id,
        "account": scene.account_slug,
        "account_id": scene.account_id,
        "push_id": push_id,
        "appointment_id": made.id,
        "hold_id": held.id,
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
        "app_id": f"wx-{chain.slug}",
        "colour": "0e7c66",
        "filename": "console/console.css",
    }
    return House(scene, owner, made.id, ids)


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
    category = clinic.create_category(session, name=f"{mark}category", position=0, **told)
    details = clinic.ItemDetails(category.id, f"{mark}item", 30)
    return {
        "store_id": store.id,
        "category_id": category.id,
        "item_id": clinic.create_item(session, details, position=0, **told).id,
        "complaint_id": clinic.create_complaint(session, text=f"{mark}complaint", position=0, **told).id,
    }


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


def _push(session: Session, account_id: int, mark: str) -> int:
    """Journal a message of a fan."""
    push = NewPush(
        account_id, f"{mark}key", f"{mark}stamp", "digest", "text", "openid-0", f"<xml>{mark}words</xml>"
    )
    return keep(session, push, reply=f"<xml>{mark}reply</xml>")


def fill(rule: str, ids: dict[str, int | str]) -> str:
    """Put ids into a rule; an argument that nobody knows fails, so that new routes are covered."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(ids[found[1]]), rule)
