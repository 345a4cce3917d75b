"""Who calls, in tests of routes: browsers logged in without the cost of a password."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.accounts.services import NewPush
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.booking import services as booking
from engage.clinic import services as clinic
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
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


def log_in_directly(app: Flask, chain: Chain, *roles: str, name: str = "") -> Person:
    """Make a member of staff and a session for them."""
    login = name.lower() or f"p{next(_numbers)}"
    grants = frozenset(Grant(role) for role in roles)
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
    scene = make_scene(chain, doctor=f"{mark}doctor", per_slot=5)
    owner = log_in_directly(app, chain, "owner", name=f"{mark}owner")
    with tenant_scope(chain.id), unit_of_work() as session:
        clinic.create_store(
            session,
            slug="second",
            name=f"{mark}store",
            short_name=f"{mark}store",
            address=f"{mark}address",
            zone="Asia/Shanghai",
            position=1,
            by=OPERATOR,
            now=clock.now(),
        )
        made = booking.book(session, scene.wish(name=f"{mark}patient"), now=clock.now())
        push_id = _push(session, scene.account_id, mark)
        given_up = session.scalars(sa.select(OutboxRow)).one()
        given_up.available_at, given_up.error = None, f"{mark}error"
    ids: dict[str, int | str] = {
        "staff_id": owner.id,
        "session_id": owner.session_id,
        "entry_id": given_up.id,
        "account": scene.account_slug,
        "account_id": scene.account_id,
        "push_id": push_id,
        "appointment_id": made.id,
        "app_id": f"wx-{chain.slug}",
        "colour": "0e7c66",
        "filename": "console/console.css",
    }
    return House(scene, owner, made.id, ids)


def _push(session: Session, account_id: int, mark: str) -> int:
    """Journal a message of a fan."""
    push = NewPush(
        account_id, f"{mark}key", f"{mark}stamp", "digest", "text", "openid-0", f"<xml>{mark}words</xml>"
    )
    return keep(session, push, reply=f"<xml>{mark}reply</xml>")


def fill(rule: str, ids: dict[str, int | str]) -> str:
    """Put ids into a rule; an argument that nobody knows fails, so that new routes are covered."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(ids[found[1]]), rule)
