"""The doorbell: one ring waits at most, and losing it loses nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from engage.config import Config
from engage.kernel import doorbell
from tests.conftest import Chain

QUEUE = "test-queue"


@pytest.fixture(autouse=True)
def _quiet(app: object) -> Iterator[None]:
    doorbell.connection().flushdb()
    yield
    doorbell.connection().flushdb()


def waiting() -> list[tuple[object, ...]]:
    jobs = Queue(QUEUE, connection=doorbell.connection(), serializer=JSONSerializer).jobs
    return [(job.func_name, *job.args) for job in jobs]


def test_a_ring_asks_a_worker_to_answer(chain: Chain) -> None:
    assert doorbell.ring(chain.id, QUEUE)
    assert waiting() == [("workers.runtime.answer", chain.id, QUEUE)]


def test_one_ring_waits_at_most(chain: Chain, other_chain: Chain) -> None:
    assert [doorbell.ring(chain.id, QUEUE) for _ in range(3)] == [True, False, False]
    assert doorbell.ring(other_chain.id, QUEUE)
    assert len(waiting()) == 2


def test_a_ring_during_the_work_is_a_new_one(chain: Chain) -> None:
    doorbell.ring(chain.id, QUEUE)
    doorbell.heard(chain.id, QUEUE)
    assert doorbell.ring(chain.id, QUEUE)
    assert len(waiting()) == 2


def test_a_mark_that_outlived_its_ring_goes_by_itself(chain: Chain) -> None:
    doorbell.ring(chain.id, QUEUE)
    (mark,) = doorbell.connection().keys(f"ring:{QUEUE}:*")
    assert 0 < doorbell.connection().ttl(mark) <= doorbell.MARK_SECONDS


def test_who_else_is_waited_for(chain: Chain) -> None:
    assert not doorbell.others_wait()
    doorbell.ring(chain.id, QUEUE)
    assert doorbell.others_wait()
    assert doorbell.others_wait("another-queue")
    assert not doorbell.others_wait("another-queue", QUEUE)


def test_what_rings_holds_no_personal_data(chain: Chain) -> None:
    doorbell.ring(chain.id, QUEUE)
    ((_answer, *arguments),) = waiting()
    assert arguments == [chain.id, QUEUE]


def test_nobody_waits_for_a_redis_that_is_away(
    chain: Chain, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(doorbell, "_redis", None)
        doorbell.connect(f"unix://{settings.home}/nobody.sock")
        assert not doorbell.ring(chain.id, QUEUE)
        assert not doorbell.others_wait()
    assert doorbell.ring(chain.id, QUEUE)
