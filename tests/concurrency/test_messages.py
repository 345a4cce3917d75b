"""A visit is changed while its older message is being written; without the lock the message gets through."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask

from engage.booking import services as booking
from engage.booking.services import Change
from engage.config import Config
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import services as notifications
from engage.reactions import notifications as reactions
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.notifications.scenes import out, states, take, word, write
from tests.running.processes import wait_for

WAITING = "select count(*) from pg_locks where not granted"


@pytest.fixture
def scene(chain: Chain) -> Scene:
    """A chain whose messages are worded."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        word(made)
    return made


def book(scene: Scene) -> int:
    """Book a visit."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return booking.book(session, scene.wish(), by=scene.fan(), now=clock.now()).id


def cancelling(scene: Scene, visit: int) -> Callable[[], None]:
    """Make a cancellation."""

    def call() -> None:
        with unit_of_work() as session:
            booking.cancel(session, visit, 1, "", by=scene.fan(), now=clock.now())

    return call


def changing(scene: Scene, visit: int) -> Callable[[], None]:
    """Make a change to a later time."""

    def call() -> None:
        wish = Change(visit, 1, scene.chain.store.id, scene.doctor_id, scene.opens_at + 3 * SLOT)
        with unit_of_work() as session:
            booking.change(session, wish, by=scene.fan(), now=clock.now())

    return call


class Halfway:
    """The reading of an appointment, after which its reader waits to be let go on."""

    def __init__(self, read: Callable) -> None:
        self.read, self.has_read, self.go_on = read, threading.Event(), threading.Event()

    def __call__(self, *given, **named):
        """Read, tell, wait."""
        found = self.read(*given, **named)
        self.has_read.set()
        assert self.go_on.wait(WAIT)
        return found


def overtake(
    app: Flask, settings: Config, scene: Scene, halfway: Halfway, visit: int, change: Callable[[], None]
) -> None:
    """Let the change come while the message is half written; go on when it is done, or waits."""

    def telling() -> None:
        with unit_of_work() as session:
            reactions.tell_booked(session, {"appointment_id": visit}, now=clock.now())

    def inside(call: Callable[[], None]) -> None:
        with app.app_context(), tenant_scope(scene.chain.id):
            call()

    def is_done_or_waits(changed: Future[None]) -> bool:
        return changed.done() or looker.execute(WAITING).fetchone()[0] > 0

    url = settings.owner_database_url.replace("+psycopg", "")
    with ThreadPoolExecutor(2) as pool, psycopg.connect(url, autocommit=True) as looker:
        told = pool.submit(inside, telling)
        try:
            assert halfway.has_read.wait(WAIT)
            changed = pool.submit(inside, change)
            assert wait_for(lambda: is_done_or_waits(changed), seconds=WAIT)
        finally:
            halfway.go_on.set()
        told.result(WAIT)
        changed.result(WAIT)


@pytest.mark.parametrize("overtaking", [cancelling, changing], ids=["cancelled", "changed"])
def test_a_message_half_written_when_the_visit_is_overtaken(
    app: Flask, settings: Config, scene: Scene, monkeypatch: pytest.MonkeyPatch, overtaking
) -> None:
    visit = book(scene)
    halfway = Halfway(reactions.booking.locked)
    monkeypatch.setattr(reactions.booking, "locked", _for_readers(halfway, reactions.booking.locked))
    overtake(app, settings, scene, halfway, visit, overtaking(scene, visit))
    with tenant_scope(scene.chain.id):
        assert states() == [("appointment_created", "skipped", "superseded")]


@pytest.mark.parametrize("overtaking", [cancelling, changing], ids=["cancelled", "changed"])
def test_without_the_lock_an_older_message_waits_to_be_sent(
    app: Flask, settings: Config, scene: Scene, monkeypatch: pytest.MonkeyPatch, overtaking
) -> None:
    """The control: the message is written from what was read before, and nothing withdraws it."""
    visit = book(scene)
    locked = reactions.booking.locked
    halfway = Halfway(lambda session, visit_id, **_: reactions.booking.appointment(session, visit_id))
    monkeypatch.setattr(reactions.booking, "locked", _for_readers(halfway, locked))
    overtake(app, settings, scene, halfway, visit, overtaking(scene, visit))
    with tenant_scope(scene.chain.id):
        assert states() == [("appointment_created", "pending", None)]


def _for_readers(halfway: Halfway, locked: Callable) -> Callable:
    """Give what stops the reader of a shared lock alone; who changes goes on."""

    def read(session, visit_id: int, *, shared: bool = False):
        return halfway(session, visit_id, shared=True) if shared else locked(session, visit_id)

    return read


def test_of_letting_out_and_withdrawing_one_comes_first(app: Flask, scene: Scene) -> None:
    """Many times over: a message that was not let out is skipped, one that was is left to its sender."""
    now = clock.now()
    for subject in range(1, 31):
        with tenant_scope(scene.chain.id):
            write(scene, subject, now=now)
            _claimed, parcel = take(now=now)
        went_out, _ = race(
            app,
            scene.chain.id,
            [
                lambda session, parcel=parcel: notifications.let_out(session, parcel, now=now),
                lambda session, subject=subject: notifications.withdraw(
                    session, ("appointment_created",), subject, now=now
                ),
            ],
        )
        with tenant_scope(scene.chain.id):
            assert states()[-1][1:] == ("sending" if went_out else "skipped", "superseded")
            assert not out(parcel, now=now)
