"""The worker: RQ's, with the settings that survive crashes."""

from __future__ import annotations

import signal
from typing import Any

import redis
from redis.client import Pipeline
from rq import Worker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

from engage import config
from engage.kernel.db import db
from engage.kernel.death import follow_parent
from workers.queues import DRAINS
from workers.runtime import application

MAINTENANCE_SECONDS = 15


class EngageWorker(Worker):
    """A worker whose job process dies with it and uses no connection of its parent."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job in the forked process."""
        follow_parent(signal.SIGKILL)
        with application().app_context():
            db.engine.dispose(close=False)
        super().main_work_horse(job, queue)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that the worker lives; and who it is, where Redis has forgotten it."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            # A job that ended since left a mark of its own, which RQ would take for another worker.
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # of RQ
        super().heartbeat(timeout, pipeline)


def run() -> None:
    """Work until a signal says stop; the running job is finished first."""
    application()
    # The doorbell's client gives up after seconds; a worker waits for a job as long as it takes.
    connection = redis.Redis.from_url(config.load().redis_url)
    options: dict[str, Any] = {
        "connection": connection,
        "serializer": JSONSerializer,
        "job_monitoring_interval": 5,
        "maintenance_interval": MAINTENANCE_SECONDS,
        "worker_ttl": 30,
    }
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in DRAINS]
    EngageWorker(queues, **options).work(logging_level="WARNING")
