"""A person of whom every feature holds something, and somebody else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR, Actor
from engage.booking import services as booking
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.notifications.services.telling import Notice, tell
from engage.patients import queries as patient_queries
from engage.patients import services as patients
from engage.patients.models import PhoneCode
from engage.patients.services import NewChart, codes
from engage.privacy import services
from engage.privacy.models import PrivacyTask
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.wechat.pushes import Sender, ids, message

NAME = "欧阳惠琳"
PHONE = "13877776666"
MAIL = "huilin.ouyang@example.com"
WORDS = "牙龈肿了三天"
OPENID = "oHUILIN-0123456789abcdefghij"
PICTURE = b"\x89PNG picture of one person"


@dataclass(frozen=True)
class House:
    """A chain with a person, the fan who is that person, and two others of `scene`."""

    scene: Scene
    patient_id: int
    fan_id: int
    picture: str


def chart(name: str = NAME, phone: str | None = PHONE, **known: Any) -> int:
    """Make a chart at the desk; gives its id."""
    with unit_of_work() as session:
        new = NewChart(name=name, phone=phone, source="desk", **known)
        return patients.create_chart(session, new, by=OPERATOR, now=clock.now()).id


def bind(fan_id: int, patient_id: int) -> None:
    """Let a fan speak for a patient."""
    with unit_of_work() as session:
        patients.bind(session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=clock.now())


def make_house(app: Flask, chain: Chain) -> House:
    """Set the scene through services and a push, committed; the scope is the caller's."""
    now = clock.now()
    scene = make_scene(chain, per_slot=2)
    with unit_of_work() as session:
        earlier = now - dt.timedelta(minutes=1)  # WeChat tells of whole seconds
        fan_id = fans.follow(session, scene.account_id, OPENID, changed_at=earlier, now=now)
    patient_id = chart(email=MAIL, birth_date=dt.date(1988, 3, 2), memo=f"{WORDS}，{NAME}")
    bind(fan_id, patient_id)
    text = f"<Content>{NAME} {PHONE} {WORDS}</Content><MsgId>{next(ids)}</MsgId>"
    Sender(chain).sign(message(OPENID, rest=text)).send(app.test_client())
    picture = app.extensions["files"].put(chain.id, PICTURE + str(chain.id).encode())
    with unit_of_work() as session:
        fans.record_profile(session, fan_id, nickname=NAME, avatar=picture, now=now)
        fans.set_remark(session, fan_id, f"{NAME} {PHONE}", by=OPERATOR, now=now)
        fans.log_in(session, fan_id, now=now)
        _prove(session, fan_id)
        fan = Actor("fan", fan_id)
        wish = scene.wish(fan=0, fan_id=fan_id, patient_id=patient_id, complaint=WORDS)
        visit = booking.book(session, wish, by=fan, now=now)
        booking.cancel(session, visit.id, visit.version, WORDS, by=OPERATOR, now=now)
        notice = Notice("booked", visit.id, 1, patient_id, {"doctor": NAME}, "visits")
        tell(session, notice, fan_id, now=now)
        services.give(session, fan_id, now=now)
        services.ask(session, fan_id, "export", now=now)
    return House(scene, patient_id, fan_id, picture)


def _prove(session: Session, fan_id: int) -> None:
    now = clock.now()
    codes.request_code(session, fan_id=fan_id, phone=PHONE, address="203.0.113.7", now=now)
    session.flush()
    newest = sa.select(PhoneCode).where(PhoneCode.fan_id == fan_id).order_by(PhoneCode.id.desc()).limit(1)
    code = session.scalars(newest).one().code
    assert codes.check_code(session, fan_id=fan_id, phone=PHONE, code=code, now=now).outcome == "right"


def merge(session: Session, keep_id: int, drop_id: int, *taken: str, by: Actor = OPERATOR) -> None:
    """Merge two charts as they are."""
    charts = patient_queries.patients(session, (keep_id, drop_id))
    versions = (charts[keep_id].version, charts[drop_id].version)
    services.merge(session, keep_id, drop_id, taken=taken, versions=versions, by=by, now=clock.now())


def last_task() -> PrivacyTask:
    """Give the task that was asked for last."""
    with unit_of_work() as session:
        return session.scalars(sa.select(PrivacyTask).order_by(PrivacyTask.id.desc()).limit(1)).one()
