"""What a worker process is: the application, and one job that answers the doorbell."""

from __future__ import annotations

import functools

import structlog
from flask import Flask
from rq import get_current_job

from engage.app import create_app
from engage.kernel import doorbell
from engage.kernel.db import tenant_scope
from workers.queues import DRAINS

log = structlog.get_logger()


@functools.cache
def application() -> Flask:
    """Give the process's application; made before the worker forks, so that jobs begin at once."""
    return create_app()


def answer(tenant_id: int, queue: str) -> None:
    """Drain one queue of one tenant. Safe to repeat, and to run several times at once."""
    with application().app_context(), tenant_scope(tenant_id):
        job = get_current_job()
        structlog.contextvars.bind_contextvars(
            queue=queue, tenant_id=tenant_id, job_id=job.id if job else None
        )
        doorbell.heard(tenant_id, queue)
        DRAINS[queue]()
