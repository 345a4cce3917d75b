"""The waiting list in tests: who is put on it, which places are free, what is offered."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from engage.audit.services import OPERATOR, Actor
from engage.booking import services
from engage.booking.models import WaitingOffer, WaitingWish
from engage.booking.rules.terms import Terms
from engage.booking.rules.waiting import Window
from engage.booking.services import Wanted
from engage.kernel import clock
from engage.kernel.db import Session
from engage.patients import services as patients
from tests.booking.scenes import Scene

DESK = Actor("staff", 7)
EVERY_DAY = tuple(range(7))
AFTER = dt.timedelta(seconds=1)

# What the fixtures give: what puts somebody on the list, what was recorded, that the ledger is right.
Add = Callable[..., WaitingWish]
Recorded = Callable[[], list[str]]
Balanced = Callable[[], None]


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
    """Give the window of `wanted`, changed."""
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
    """Cancel a visit."""
    services.cancel(session, visit_id, 1, "改期", by=DESK, now=noon(scene))


def offer(session: Session, scene: Scene, at: dt.datetime | None = None) -> WaitingOffer | None:
    """Look through the list once, at noon or another time."""
    return services.offer_next(session, scene.chain.store.id, now=at or noon(scene))


def offered(session: Session, scene: Scene, at: dt.datetime | None = None) -> WaitingOffer:
    """Look through the list, where somebody is to be offered something."""
    made = offer(session, scene, at)
    assert made is not None
    return made


def approve_at(session: Session, scene: Scene) -> None:
    """Let the store look at visits first."""
    terms = Terms(approval=True)
    services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=noon(scene))
