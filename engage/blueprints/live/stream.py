"""The streams themselves, and what watches over the process that serves them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import prometheus_client
import structlog
from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from engage.blueprints.faces import as_json
from engage.blueprints.guard import ConsoleBlueprint, OperatorBlueprint, Staff
from engage.blueprints.live import address
from engage.blueprints.live.hub import Hub
from engage.blueprints.live.lines import NOWHERE, Line, Reader, event
from engage.blueprints.live.rooms import SEES, SEES_VISITS
from engage.chat import queries
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Busy, DomainError, NotAllowed

log = structlog.get_logger()

bp = ConsoleBlueprint("live", __name__)
figures = OperatorBlueprint("live_figures", __name__)

RETRY_MS, RETRY_SPREAD_MS = 1000, 1000  # hundreds of browsers do not come back in one moment


def init_app(app: Flask, *, at_once: int) -> None:
    """Give the process its hub, and its answers what browsers want to see in them.

    `at_once` streams are opened at a time: after a restart all browsers come in one moment, and wait for
    each other here rather than for a connection to the database, of which rooms need some too.
    """
    hub = Hub(app)
    registry = prometheus_client.CollectorRegistry()
    gauge = prometheus_client.Gauge("engage_live_streams", "Event streams that are open", registry=registry)
    gauge.set_function(hub.lines)
    app.extensions.update(live=hub, live_figures=registry, live_gate=threading.BoundedSemaphore(at_once))
    app.before_request(_refuse_strangers)
    app.before_request(_enter)
    app.teardown_request(_leave)
    app.after_request(_head)
    app.register_error_handler(DomainError, _refusal)
    for away in (OperationalError, PoolTimeout):
        app.register_error_handler(away, _database_away)


@bp.view(address.PATH, permission="self", by_itself=True)
def stream(staff: Staff) -> ResponseReturnValue:
    """Tell a browser what happens in conversations within reach, until either side goes."""
    hub: Hub = current_app.extensions["live"]
    with unit_of_work() as session:
        scope, stores = (
            NOWHERE if staff.must_change_password else staff.reach(sees) for sees in (SEES, SEES_VISITS)
        )
        accounts = queries.accounts_in_reach(session, scope)
        waiting = sum(queries.waiting(session, accounts).values())
    reader = Reader(staff.house.id, staff.house.zone, staff.id, staff.session_id, staff.language)
    line = Line(reader, accounts, stores)
    hub.open(line)
    first = f"retry: {RETRY_MS + random.randrange(RETRY_SPREAD_MS)}\n\n".encode()  # noqa: S311 no secret
    answer = Response(_Chunks(hub, line, first + event("pulse", {"waiting": waiting})))
    answer.headers["Content-Type"] = "text/event-stream; charset=utf-8"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


class _Chunks:
    """What a line carries, as the server writes it; closes the line also where nothing was written."""

    def __init__(self, hub: Hub, line: Line, first: bytes) -> None:
        self._hub, self._line, self._first = hub, line, first

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._line.chunks()

    def close(self) -> None:
        """The browser has gone, or the line has ended."""
        self._hub.close(self._line)


@bp.open("/healthz", reason="tells nothing but that the process answers")
def healthz() -> ResponseReturnValue:
    """Answer while the process lives."""
    return {"status": "ok"}


@figures.view("/metrics")
def metrics() -> ResponseReturnValue:
    """Answer with the figures of the process that was asked."""
    return Response(
        prometheus_client.generate_latest(current_app.extensions["live_figures"]),
        content_type=prometheus_client.CONTENT_TYPE_LATEST,
    )


def _refuse_strangers() -> None:
    """Pages of others read nothing, though a browser may send the cookie along.

    Raises:
        NotAllowed: the page is none of ours.
    """
    asking = request.headers.get("Origin")
    if asking and not address.is_ours(asking):
        raise NotAllowed
    g.origin = asking


def _enter() -> None:
    if request.endpoint == "live.stream":
        current_app.extensions["live_gate"].acquire()
        g.entered = True


def _leave(_error: BaseException | None) -> None:
    if g.pop("entered", False):
        current_app.extensions["live_gate"].release()


def _database_away(error: Exception) -> Response:
    log.warning("live.database_away", error=type(error).__name__)
    return _refusal(Busy())


def _head(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Vary"] = "Origin"
    if asking := g.get("origin"):
        response.headers["Access-Control-Allow-Origin"] = asking
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


def _refusal(error: DomainError) -> Response:
    body = {"type": f"urn:engage:{error.code}", "code": error.code, "status": error.status}
    return Response(as_json(body), error.status, content_type="application/problem+json")
