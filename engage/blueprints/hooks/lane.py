"""A lane beside Flask for the push that comes by the thousand: new, well-formed, and for no worker.

A request in Flask costs as much as all else that a push needs. The lane answers the common push
with the services the view uses; everything else, and whatever goes wrong, it leaves to the view,
which finds the body unread and says what there is to say.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import structlog
from flask import Flask

from engage.blueprints.hooks import wechat
from engage.wechat import envelope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

PATH: Final = "/hooks/wechat/"
ENDPOINT: Final = "hooks_wechat.push"


class Lane:
    """Stands before a WSGI application."""

    def __init__(self, app: Flask, view: WSGIApplication) -> None:
        self._app, self._view = app, view

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request, here or in Flask."""
        begun = time.perf_counter()
        answer = self._answer(environ)
        if answer is None:
            return self._view(environ, start_response)
        request_id = secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()  # of the thread's request before
        body = answer.encode()
        start_response(
            "200 OK",
            [
                ("Content-Type", wechat.content_type(answer)),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Request-Id", request_id),
            ],
        )
        taken = time.perf_counter() - begun
        self._app.extensions["engage_metrics"].observe(ENDPOINT, 200, taken)
        log.info(
            "request",
            request_id=request_id,
            method="POST",
            route=f"{PATH}<app_id>",
            status=200,
            ms=round(taken * 1000, 1),
        )
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> str | None:
        """Give the answer to a push that the lane is for."""
        path, length = environ["PATH_INFO"], environ.get("CONTENT_LENGTH", "")
        if not path.startswith(PATH) or environ["REQUEST_METHOD"] != "POST":
            return None
        if not length.isdecimal() or not 0 < int(length) <= envelope.MAX_BODY:
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(body)
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        with _LeaveToTheView(), self._app.app_context():
            return wechat.answer_at_once(path.removeprefix(PATH), query, body)
        return None


class _LeaveToTheView:
    """Any error, programming errors too, is the view's to meet again and to answer for."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Exception)
