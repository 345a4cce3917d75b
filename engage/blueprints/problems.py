"""The one place where errors become answers: problem+json, an error page, or the log-in."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from typing import Any

import psycopg
import structlog
from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from engage.blueprints.faces import as_json, house
from engage.blueprints.guard import ProfileWanted, current_staff, current_visitor, tenant_of_account
from engage.blueprints.patient import authorization
from engage.blueprints.patient.detour import PROFILE, SILENT
from engage.kernel.db import tenant_scope
from engage.kernel.errors import N_, Busy, DomainError, Malformed, NotFound, NotLoggedIn

log = structlog.get_logger()

# What a proxy may name a request; all else could carry personal data or codes into the logs.
REQUEST_ID = r"[A-Za-z0-9-]{8,64}"

HEADINGS = {
    400: N_("That could not be read"),
    401: N_("Please log in"),
    403: N_("Not allowed"),
    404: N_("This page does not exist"),
    405: N_("That is not possible here"),
    409: N_("That cannot be done now"),
    413: N_("That is too large"),
    422: N_("Something is missing"),
    429: N_("Too many tries"),
    500: N_("Something broke on our side"),
    503: N_("Not reachable just now"),
}
BROKEN = N_("It is not your fault. What you did may not have been saved; please try again in a moment.")
STALE_FORM = N_(
    "This form was open too long or came from elsewhere. Open the page again; nothing was changed."
)


class _StaleForm(DomainError):
    code = "stale_form"
    status = 400
    title = STALE_FORM


def init_app(app: Flask) -> None:
    """Give every request an id and a log line, and every error an answer."""
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(DomainError, answer)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(psycopg.OperationalError, _database_away)
    app.register_error_handler(PoolTimeout, _no_connection_left)
    app.register_error_handler(DataError, _data_error)
    app.register_error_handler(psycopg.DataError, _data_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def answer(error: DomainError) -> AnyResponse:
    """Answer with a refusal, in the form and language of who asked."""
    if isinstance(error, NotLoggedIn) and (way := _to_log_in(error)):
        return way
    return _render(error.status, error.code, gettext(error.title) % error.data, dict(error.data))


def _to_log_in(error: NotLoggedIn) -> AnyResponse | None:
    """Send a person without a log-in to it, where a page was asked for."""
    if _wants_json() or request.headers.get("HX-Request"):
        return None
    if account := _account():
        if request.method not in {"GET", "HEAD"}:
            return authorization.send_again(account, error.status)
        return authorization.begin(account, scope=PROFILE if isinstance(error, ProfileWanted) else SILENT)
    following = request.full_path.rstrip("?") if request.method == "GET" else ""
    return redirect(url_for("console_session.login", next=following or None))


def _stale_form(_error: CSRFError) -> AnyResponse:
    """A form whose token fits no more: from another tab's log-in, or after the session's end."""
    if _wants_json():
        return answer(_StaleForm())
    if request.endpoint == "console_session.log_in":
        return redirect(url_for("console_session.login", next=request.form.get("next") or None), 303)
    try:
        if account := _account():
            return authorization.send_again(account, _StaleForm.status)
        if request.path.startswith("/console/"):
            current_staff()
    except (NotLoggedIn, NotFound) as error:
        return answer(error)
    return answer(_StaleForm())


def _http_error(error: HTTPException) -> AnyResponse:
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code < 500:
        _enter_house()
    if error.code == 404:
        return answer(NotFound())
    if error.code == 400:
        return answer(Malformed())
    return _render(error.code, f"http_{error.code}", gettext(HEADINGS.get(error.code, BROKEN)), {})


def _database_away(error: OperationalError | psycopg.OperationalError) -> AnyResponse:
    log.error("database.away", error=type(_cause(error)).__name__)
    return answer(Busy())


def _no_connection_left(_error: PoolTimeout) -> AnyResponse:
    log.error("database.pool_exhausted")
    return answer(Busy())


def _data_error(error: DataError | psycopg.DataError) -> AnyResponse:
    """What no column can hold, such as too large a number or a NUL in a text, is found nowhere."""
    cause = _cause(error)
    unknown = isinstance(cause, psycopg.DataError) and cause.sqlstate in {None, "22003"}
    return answer(NotFound()) if unknown else _unexpected(error)


def _cause(error: DBAPIError | psycopg.Error) -> BaseException | None:
    """Give what the driver said, of statements with a session and without (`kernel.db.read_alone`)."""
    return error.orig if isinstance(error, DBAPIError) else error


def _unexpected(error: Exception) -> AnyResponse:
    log.error("request.broke", error=type(error).__name__, exc_info=error)
    return _render(500, "broken", gettext(BROKEN), {})


def _render(status: int, code: str, sentence: str, data: dict[str, Any]) -> Response:
    heading = gettext(HEADINGS.get(status, HEADINGS[500]))
    if _wants_json():
        body = {
            "type": f"urn:engage:{code}",
            "code": code,
            "title": heading,
            "status": status,
            "detail": sentence,
        }
        return Response(as_json(body | {"data": data}), status, content_type="application/problem+json")
    face = "patient" if request.path.startswith("/p/") else "console"
    page = render_template(
        f"{face}/error.html",
        error={"status": status, "title": heading, "advice": sentence, "request_id": g.get("request_id", "")},
        home_url=_way_on(),
    )
    return Response(page, status)


def _way_on() -> str | None:
    """Give the page from which somebody on a patient page that failed can go on."""
    account = _account()
    return url_for("patient_booking.choose", account=account) if account and house() else None


def _enter_house() -> None:
    """Learn whose patient page was asked for, where no view was reached that would know."""
    account = _account()
    if account and not house():
        with contextlib.suppress(NotFound, NotLoggedIn), tenant_scope(tenant_of_account(account)):
            g.visitor = current_visitor(account)


def _account() -> str:
    """Give the account whose patient page was asked for; nothing on other pages."""
    return request.path.split("/")[2] if request.path.startswith("/p/") else ""


def _wants_json() -> bool:
    if request.path.startswith(("/hooks/", "/api/", "/healthz", "/readyz", "/metrics")):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json"


def _begin() -> None:
    given = request.headers.get("X-Request-Id")
    g.request_id = given if given and re.fullmatch(REQUEST_ID, given) else secrets.token_hex(8)
    g.begun = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]  # once, not by its proxy each time
    taken = time.perf_counter() - g.get("begun", time.perf_counter())
    response.headers["X-Request-Id"] = g.get("request_id", "")
    current_app.extensions["engage_metrics"].observe(asked.endpoint or "none", response.status_code, taken)
    if asked.endpoint not in {"static", "health.healthz", "health.readyz", "metrics.metrics"}:
        log.info(
            "request",
            method=asked.method,
            route=str(asked.url_rule or "none"),
            status=response.status_code,
            ms=round(taken * 1000, 1),
        )
    return response
