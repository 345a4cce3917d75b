"""The drain to many: batches have their turns, it makes way for what one person waits for, and it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.leases import LEASE
from engage.notifications import services
from engage.notifications.models import Pace
from engage.notifications.services import batches, pace
from engage.wechat.gateway import Card, Letter, QuotaSpent
from engage.wechat.outcomes import NotSent, Outcome, Sent
from engage.wechat.rules import day_ends_at
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.notifications import crowds
from workers import bulk


class Counting:
    """WeChat's counter for many letters at once: notes what is handed in."""

    def __init__(self) -> None:
        self.loads: list[tuple[Card, Sequence[Letter]]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.trouble: Exception | None = None

    def send_templates(
        self, _account: object, letters: Sequence[Letter], *, card: Card, **_options: object
    ) -> Mapping[int, Outcome | NotSent]:
        """Take them."""
        self.loads.append((card, letters))
        self.meanwhile()
        if self.trouble:
            raise self.trouble
        return {letter.id: Sent(letter.id) for letter in letters}


@pytest.fixture
def counter(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    monkeypatch.setitem(app.extensions, "wechat", made)
    monkeypatch.setattr(batches, "BUNDLE", 10)
    doorbell.connection().flushdb()
    return made


@pytest.fixture
def scene(chain: Chain):
    made = make_scene(chain)
    with tenant_scope(chain.id):
        crowds.allow()
        yield made
    doorbell.connection().flushdb()


def fill(scene: Scene, *sizes: int) -> list[int]:
    """Open a batch of each size."""
    made = []
    for subject, size in enumerate(sizes):
        made.append(crowds.open_batch(scene, subject=subject))
        crowds.write(made[-1], crowds.crowd(scene, [f"o-{subject}-{number}" for number in range(size)]))
    return made


def rung() -> int:
    return Queue(services.BULK, connection=doorbell.connection(), serializer=JSONSerializer).count


def marks(scene: Scene) -> list[object]:
    with unit_of_work() as session:
        mine = (Due.tenant_id == scene.chain.id, Due.queue == services.BULK)
        return list(session.scalars(sa.select(Due.at).where(*mine)))


def test_letters_are_addressed_and_keyed(scene, counter, app):
    fill(scene, 3)
    bulk.drain()
    ((card, letters),) = counter.loads
    assert card.url == f"{app.config['PUBLIC_URL']}/p/{scene.account_slug}/coupons"
    assert [letter.openid for letter in letters] == ["o-0-0", "o-0-1", "o-0-2"]
    assert {letter.client_msg_id for letter in letters} == {
        f"engage-{scene.chain.id}-{letter.id}" for letter in letters
    }
    assert marks(scene) == []


def test_what_a_dead_worker_had_of_a_closed_batch_is_ended(scene, counter):
    (batch_id,) = fill(scene, 3)
    now = clock.now()
    with unit_of_work() as session:
        services.claim_bulk(session, batch_id, services.limits(session), now=now)
    with unit_of_work() as session:
        services.close(session, [batch_id], now=now)
    bulk.drain()
    assert marks(scene) == [now + LEASE]
    crowds.end_leases()
    bulk.drain()
    assert (crowds.became(), counter.loads) == ({("unknown", "no_answer"): 3}, [])


def test_batches_have_their_turns(scene, counter):
    fill(scene, 25, 15)
    bulk.drain()
    order = [letters[0].openid[2] for _card, letters in counter.loads]
    assert order == ["0", "1", "0", "1", "0"]
    assert crowds.became() == {("sent", None): 40}


def test_it_makes_way_for_another_queue_and_rings_for_the_rest(scene, counter, monkeypatch):
    monkeypatch.setattr(bulk, "GIVES_WAY_SECONDS", 0.0)
    fill(scene, 25)
    doorbell.connection().flushdb()
    counter.meanwhile = lambda: doorbell.ring(scene.chain.id, services.QUEUE)
    bulk.drain()
    assert len(counter.loads) == 1
    assert rung() == 1
    assert len(marks(scene)) == 1


def test_a_ring_for_itself_is_no_reason_to_stop(scene, counter, monkeypatch):
    monkeypatch.setattr(bulk, "GIVES_WAY_SECONDS", 0.0)
    fill(scene, 25)
    doorbell.connection().flushdb()
    counter.meanwhile = lambda: doorbell.ring(scene.chain.id, services.BULK)
    bulk.drain()
    assert len(counter.loads) == 3


def test_a_turn_ends(scene, counter, monkeypatch):
    monkeypatch.setattr(bulk, "TURN_SECONDS", 0.0)
    fill(scene, 25)
    doorbell.connection().flushdb()
    bulk.drain()
    assert counter.loads == []
    assert (rung(), len(marks(scene))) == (1, 1)


def test_it_does_not_wait_for_the_pace(scene, counter):
    crowds.allow(per_second=5)
    fill(scene, 25)
    doorbell.connection().flushdb()
    begun, begun_at = time.monotonic(), clock.now()
    bulk.drain()
    took = time.monotonic() - begun
    assert took < 3  # for all there are four seconds at this pace
    assert 5 <= sum(len(letters) for _card, letters in counter.loads) <= 5 + 5 * took
    (next_at,) = marks(scene)
    assert next_at >= begun_at + pace.SOON
    assert rung() == 0  # the clock rings when it is time


def test_a_known_spent_quota_waits_for_the_next_day(scene, counter):
    counter.trouble = QuotaSpent("/cgi-bin/message/template/send")
    fill(scene, 25)
    bulk.drain()
    assert len(counter.loads) == 1
    assert marks(scene) == [day_ends_at(clock.now())]
    with unit_of_work() as session:
        assert session.scalar(sa.select(Pace.used)) == 0


def test_a_bundle_costs_few_statements_however_many_it_holds(scene, counter, count_queries, monkeypatch):
    monkeypatch.setattr(batches, "BUNDLE", 500)
    fill(scene, 1)
    bulk.drain()
    costs: Counter[int] = Counter()
    for subject, size in ((7, 10), (8, 400)):
        batch_id = crowds.open_batch(scene, subject=subject)
        crowds.write(batch_id, crowds.crowd(scene, [f"o-{subject}-{number}" for number in range(size)]))
        with count_queries() as counted:
            bulk.drain()
        costs[counted.n] += 1
    ((statements, times),) = costs.items()
    assert (times, statements <= 24) == (2, True)
