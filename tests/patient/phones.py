"""A fan's phone in tests of patient pages: what is tapped, and what a page shows."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.audit.services import OPERATOR, Actor
from engage.booking import services as booking
from engage.booking.models import Appointment, Hold
from engage.clinic import services as clinic
from engage.clinic.models import Store
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.patients.models import PhoneCode
from engage.patients.services import NewChart
from tests.booking.scenes import Scene
from tests.conftest import Chain, csrf_of
from tests.contracts.callers import fan_browser

STAFF = Actor("staff", 1)


@dataclass(frozen=True, slots=True)
class Phone:
    """The browser of one of a scene's fans, in English."""

    scene: Scene
    client: FlaskClient
    number: int
    token: str

    @property
    def base(self) -> str:
        """Where the account's pages stand."""
        return f"/p/{self.scene.account_slug}"

    @property
    def times(self) -> str:
        """The page of the doctor's times."""
        return f"{self.base}/booking/{self.scene.chain.store.id}/{self.scene.doctor_id}"

    def get(self, path: str, **query: Any) -> TestResponse:
        """Open a page, given below the account or whole."""
        return self.client.get(self._whole(path), query_string=query or None)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Send a form."""
        return self.client.post(self._whole(path), data={"csrf_token": self.token, **form})

    def tap(self, slot: int) -> TestResponse:
        """Tap one of the doctor's times."""
        return self.post(self.times, starts_at=self.time(slot))

    def hold(self, slot: int = 0) -> str:
        """Tap a time and give the page of the held time."""
        answer = self.tap(slot)
        assert answer.status_code == 303, answer.text
        return answer.location

    def send(self, held: str, *, slot: int = 0, **form: Any) -> TestResponse:
        """Send the form under a held time."""
        scene = self.scene
        sent = {
            "store_id": scene.chain.store.id,
            "who": scene.doctor_id,
            "starts_at": self.time(slot),
            "patient_id": scene.patient_ids[self.number],
        }
        return self.post(held.partition("?")[0], **sent | form)

    def book(self, slot: int = 0) -> str:
        """Book a time and give the visit's page."""
        answer = self.send(self.hold(slot), slot=slot)
        assert answer.status_code == 303, answer.text
        return answer.location

    def time(self, slot: int) -> str:
        """Give one of the doctor's times as a form carries it."""
        return clock.local(self.scene.wish(slot=slot).starts_at, self.scene.chain.store.zone).isoformat()

    def _whole(self, path: str) -> str:
        return path if path.startswith("/p/") else self.base + path


def phone_of(app: Flask, scene: Scene, number: int = 0) -> Phone:
    """Give the phone of one of the fans."""
    client = fan_browser(app, scene.chain, scene.fan_ids[number])
    client.set_cookie("engage_language", "en")
    page = client.get(f"/p/{scene.account_slug}/bind?another=1")
    return Phone(scene, client, number, csrf_of(page.text))


def bind(scene: Scene, name: str, *, fan: int = 0) -> int:
    """Let a fan speak for one more patient."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        made = patients.create_chart(session, NewChart(name), by=OPERATOR, now=clock.now())
        about = {"fan_id": scene.fan_ids[fan], "patient_id": made.id}
        patients.bind(session, **about, how="desk", by=OPERATOR, now=clock.now())
    return made.id


def take(scene: Scene, *slots: int, fan: int = 1) -> None:
    """Let another fan book times, each for a patient of their own."""
    for slot in slots:
        wish = scene.wish(fan=fan, slot=slot, patient_id=bind(scene, "别人", fan=fan))
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            booking.book(session, wish, by=STAFF, now=clock.now())


def add_store(chain: Chain, slug: str = "second", **changes: Any) -> int:
    """Add a store to the chain."""
    details = {
        "slug": slug,
        "name": "康美口腔浦东店",
        "short_name": "浦东店",
        "address": "世纪大道 100 号",
    }
    told: dict[str, Any] = {"zone": "Asia/Shanghai", "position": 1, "by": OPERATOR, "now": clock.now()}
    with tenant_scope(chain.id), unit_of_work() as session:
        store = clinic.create_store(session, **details | told | changes)
        store.shown_before = True
        return store.id


def change_store(chain: Chain, **values: Any) -> None:
    """Change the stores of the chain."""
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.update(Store).values(**values))


def add_item(chain: Chain, *, minutes: int) -> int:
    """Add an item that takes a while."""
    told = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(chain.id), unit_of_work() as session:
        category = clinic.create_category(session, name="检查", position=0, **told)
        details = clinic.ItemDetails(category.id, "洗牙", minutes)
        return clinic.create_item(session, details, position=0, **told).id


def appointments(scene: Scene) -> list[Appointment]:
    """Give the chain's visits."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return list(session.scalars(sa.select(Appointment).order_by(Appointment.id)))


def set_visit(scene: Scene, **values: Any) -> None:
    """Let the visits be what no service makes of them."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Appointment).values(**values))


def begin_in(scene: Scene, length: dt.timedelta) -> None:
    """Let the visits begin after a time from now; before now, they are over."""
    begins = clock.now() + length
    set_visit(scene, starts_at=begins, ends_at=begins + dt.timedelta(minutes=30))


def move(phone: Phone, visit: str, slot: int, *, version: int = 1, **form: Any) -> TestResponse:
    """Send the page on which a visit is moved to another of the doctor's times."""
    sent = {
        "version": version,
        "store_id": phone.scene.chain.store.id,
        "who": phone.scene.doctor_id,
        "starts_at": phone.time(slot),
    }
    return phone.post(f"{visit}/change", **sent | form)


def run_out(scene: Scene, *, swept: bool) -> None:
    """Let all holds run out; `swept` are also gone."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Hold).values(expires_at=clock.now() - dt.timedelta(seconds=1)))
        if swept:
            assert booking.sweep(session, now=clock.now(), batch=10)


def queries_of(phone: Phone, page: str, count_queries: Any) -> int:
    """Give how often a page asks the database; four times to learn who is calling."""
    with count_queries() as counted:
        assert phone.get(page).status_code == 200
    return int(counted.n)


def written(day: dt.date) -> str:
    """Write a day as English pages do: with the year where that is not this one."""
    year = f" {day.year}" if day.year != clock.local(clock.now(), "Asia/Shanghai").year else ""
    return f"{day:%a} {day.day} {day:%b}{year}"


def hidden(page: str, name: str) -> list[str]:
    """Give the values of fields that go with a form unseen."""
    return re.findall(rf'type="hidden" name="{name}" value="([^"]*)"', page)


def offered(page: str) -> list[str]:
    """Give the times that are offered by buttons of their own."""
    return re.findall(r'<button class="alternative"[^>]* value="([^"]+)"', page)


def free(page: str) -> list[str]:
    """Give the times of a page that can be chosen."""
    found = re.findall(r'<input type="radio" name="starts_at" value="([^"]+)"([^>]*)>', page)
    return [value for value, rest in found if " disabled" not in rest]


def verify(scene: Scene, number: int = 0, phone: str = "13800001234") -> None:
    """Let a fan prove a phone."""
    told: dict[str, Any] = {"fan_id": scene.fan_ids[number], "phone": phone, "now": clock.now()}
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        patients.request_code(session, **told, address="127.0.0.1")
        code = session.scalars(sa.select(PhoneCode.code).order_by(PhoneCode.id.desc())).first()
        assert patients.check_code(session, **told, code=str(code)).outcome == "right"
