"""Figures for Prometheus: requests by route, and what is due by queue."""

from __future__ import annotations

import prometheus_client
import sqlalchemy as sa
from flask import Flask, Response, current_app
from flask.typing import ResponseReturnValue

from engage.blueprints.guard import OperatorBlueprint
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.due import Due

bp = OperatorBlueprint("metrics", __name__)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Histogram(
            "engage_request_seconds",
            "Time to answer, by endpoint and status",
            ["endpoint", "status"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self.due = prometheus_client.Gauge(
            "engage_due_marks", "Marks that a queue has work now", ["queue"], registry=self.registry
        )
        self.oldest = prometheus_client.Gauge(
            "engage_due_oldest_seconds", "Age of a queue's oldest mark", ["queue"], registry=self.registry
        )

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(endpoint, str(status)).observe(seconds)


def init_app(app: Flask) -> None:
    """Give the process its figures."""
    app.extensions["engage_metrics"] = Metrics()


@bp.view("/metrics")
def metrics() -> ResponseReturnValue:
    """Answer with the figures of the process that was asked, and of the queues."""
    figures: Metrics = current_app.extensions["engage_metrics"]
    now = clock.now()
    figures.due.clear()
    figures.oldest.clear()
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Due.queue, sa.func.count().label("marks"), sa.func.min(Due.at).label("oldest"))
            .where(Due.at <= now)
            .group_by(Due.queue)
        )
        for row in rows:
            figures.due.labels(row.queue).set(row.marks)
            figures.oldest.labels(row.queue).set((now - row.oldest).total_seconds())
    return Response(
        prometheus_client.generate_latest(figures.registry),
        content_type=prometheus_client.CONTENT_TYPE_LATEST,
    )
