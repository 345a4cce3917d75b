"""A chain where a fan can book: an account, a doctor with places, fans bound to a patient each."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR, Actor
from engage.booking.services import Book, Wish
from engage.clinic import services as clinic
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.outbox import OutboxRow
from engage.patients import services as patients
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content
from tests.conftest import Chain

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SLOT = dt.timedelta(minutes=30)
ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is there, and the first time that can be booked: at the store's next day, at ten in UTC."""

    chain: Chain
    account_id: int
    account_slug: str
    doctor_id: int
    shift_id: int
    fan_ids: tuple[int, ...]
    patient_ids: tuple[int, ...]
    opens_at: dt.datetime

    def wish(self, *, fan: int = 0, slot: int = 0, key: uuid.UUID | None = None, **changes: Any) -> Book:
        """Make the wish of one of the fans, for their own patient and one of the slots."""
        wish = Book(
            key=key or uuid.uuid4(),
            patient_id=self.patient_ids[fan],
            store_id=self.chain.store.id,
            doctor_id=self.doctor_id,
            starts_at=self.opens_at + slot * SLOT,
            fan_id=self.fan_ids[fan],
        )
        return replace(wish, **changes)

    def slot(self, *, fan: int = 0, slot: int = 0) -> Wish:
        """Make the tap of one of the fans on one of the slots."""
        return Wish(self.fan_ids[fan], self.chain.store.id, self.doctor_id, self.opens_at + slot * SLOT)

    def fan(self, number: int = 0) -> Actor:
        """Give one of the fans as who acts."""
        return Actor("fan", self.fan_ids[number])


def make_scene(
    chain: Chain,
    *,
    per_slot: int = 1,
    slots: int = 6,
    fan_count: int = 2,
    doctor: str = "李明",
    mode: str = "plain",
    welcome: str = "",
    patient: str = "王小红",
) -> Scene:
    """Set the scene through services, committed. What its making recorded is no part of it."""
    now = clock.now()
    tomorrow = clock.local(now, chain.store.zone).date() + dt.timedelta(days=1)
    opens_at = dt.datetime.combine(tomorrow, dt.time(10), tzinfo=dt.UTC)
    slug = f"a-{chain.slug}"
    with tenant_scope(chain.id), unit_of_work() as session:
        new = accounts.NewAccount(
            app_id=f"wx-{chain.slug}",
            slug=slug,
            name="康美口腔",
            secret="secret",
            token="token",
            encoding_aes_key=AES_KEY,
            mode=mode,
        )
        account = accounts.connect(session, new, by=OPERATOR, now=now)
        if welcome:
            replies.set_welcome(session, account.id, Content(TEXT, welcome), by=OPERATOR, now=now)
        doctor_id = clinic.create_doctor(
            session, name=doctor, title="主任医师", position=0, by=OPERATOR, now=now
        ).id
        shift = clinic.add_shift(
            session,
            doctor_id=doctor_id,
            store_id=chain.store.id,
            starts_at=opens_at,
            ends_at=opens_at + slots * SLOT,
            slot_minutes=30,
            per_slot=per_slot,
        )
        fan_ids = tuple(
            fans.follow(session, account.id, f"openid-{number}", changed_at=now, now=now)
            for number in range(fan_count)
        )
        patient_ids = tuple(_patient_of(session, fan_id, patient, now=now) for fan_id in fan_ids)
        session.execute(sa.delete(OutboxRow))
        session.execute(sa.delete(Due).where(Due.tenant_id == chain.id))
        session.info.pop("rings")
    return Scene(chain, account.id, slug, doctor_id, shift.id, fan_ids, patient_ids, opens_at)


def open_second(scene: Scene, *, slots: int, per_slot: int) -> tuple[int, int]:
    """Open a second store, where 周明慧 sees patients at the scene's times; gives both, committed."""
    told: dict[str, Any] = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        store = clinic.create_store(
            session,
            slug="pudong",
            name="康美口腔浦东店",
            short_name="浦东店",
            address="世纪大道 1 号",
            zone=ZONE,
            position=1,
            any_per_hour=per_slot,
            **told,
        )
        store.shown_before = True
        doctor = clinic.create_doctor(session, name="周明慧", title="", position=1, **told)
        clinic.add_shift(
            session,
            doctor_id=doctor.id,
            store_id=store.id,
            starts_at=scene.opens_at,
            ends_at=scene.opens_at + slots * SLOT,
            slot_minutes=30,
            per_slot=per_slot,
        )
        return store.id, doctor.id


def _patient_of(session: Session, fan_id: int, name: str, *, now: dt.datetime) -> int:
    patient_id = patients.create_chart(session, patients.NewChart(name), by=OPERATOR, now=now).id
    patients.bind(session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=now)
    return patient_id
