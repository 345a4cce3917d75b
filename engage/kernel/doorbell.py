"""The doorbell: tells workers that a queue has work. Losing a ring loses nothing.

The truth is rows in PostgreSQL; Redis carries only the hint, and the clock rings again what is due
(design §2, outbox). One ring at most waits per tenant and queue: the worker takes the mark away
before it looks for work, so that a ring during the work is heard.
"""

from __future__ import annotations

import redis
import structlog
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger()

ANSWER = "workers.runtime.answer"
MARK_SECONDS = 30

_redis: redis.Redis | None = None


def connect(url: str) -> None:
    """Use the Redis at `url`; connections are made when needed and are safe across forks."""
    global _redis
    _redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)


def connection() -> redis.Redis:
    """Give the process's Redis client.

    Raises:
        RuntimeError: `connect` was not called.
    """
    if _redis is None:
        raise RuntimeError("the doorbell is not connected")
    return _redis


def ring(tenant_id: int, queue: str) -> bool:
    """Ask a worker to look at a tenant's queue; False if a ring waits already or Redis is away."""
    client = connection()
    try:
        if not client.set(_mark(tenant_id, queue), 1, nx=True, ex=MARK_SECONDS):
            return False
        Queue(queue, connection=client, serializer=JSONSerializer).enqueue(
            ANSWER, tenant_id, queue, result_ttl=0, failure_ttl=3600, job_timeout=300
        )
    except redis.RedisError as error:
        log.warning("doorbell.silent", queue=queue, error=type(error).__name__)
        return False
    return True


def heard(tenant_id: int, queue: str) -> None:
    """Take the mark away: later rings are new ones. Called before looking for work."""
    connection().delete(_mark(tenant_id, queue))


def others_wait(*but: str) -> bool:
    """Whether a ring waits for a worker, but for some queues; False where Redis is away."""
    try:
        queues = Queue.all(connection=connection(), serializer=JSONSerializer)
        return any(other.count for other in queues if other.name not in but)
    except redis.RedisError as error:
        log.warning("doorbell.silent", queue="*", error=type(error).__name__)
        return False


def _mark(tenant_id: int, queue: str) -> str:
    return f"ring:{queue}:{tenant_id}"
