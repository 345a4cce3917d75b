"""The worker's own life."""

from __future__ import annotations

import pytest
import redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from workers.worker import EngageWorker


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_that_redis_forgot_says_again_who_it_is(app, settings, busy):
    connection = redis.Redis.from_url(settings.redis_url)
    queue = Queue("events", connection=connection, serializer=JSONSerializer)
    worker = EngageWorker([queue], connection=connection, serializer=JSONSerializer)
    worker.register_birth()
    connection.flushall()
    assert worker not in Worker.all(connection=connection, serializer=JSONSerializer)
    if busy:
        worker.set_state("idle")
    worker.heartbeat()
    try:
        known = Worker.all(connection=connection, serializer=JSONSerializer)
        assert worker.name in {each.name for each in known if each.last_heartbeat}
    finally:
        worker.register_death()
