"""What all of WeChat's API paths have in common: errors, tokens, faults, the log (WeChat §0)."""

import json
import secrets
import socket
import time
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account

OWN_PAGES = ("/phone", "/sandbox")
LOGGED_BODY = 16_384  # bytes of a request body kept in the log
SECRET_ARGS = ("access_token", "secret")


def install(app: Flask) -> None:
    """Put the rules of WeChat's wire around every path that is not the sandbox's own."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(WeChatError, _refuse)
    app.register_error_handler(NotFound, _unknown_path)
    app.register_error_handler(MethodNotAllowed, _wrong_method)


def answer(payload: dict[str, Any]) -> Response:
    """A JSON answer in raw UTF-8; success bodies carry an errcode only where WeChat gives one."""
    return Response(json.dumps(payload, ensure_ascii=False), content_type="application/json; encoding=utf-8")


def ok(**payload: Any) -> Response:
    """`errcode` 0 and more."""
    return answer({"errcode": 0, "errmsg": "ok", **payload})


def body() -> dict[str, Any]:
    """The JSON object posted.

    Raises:
        WeChatError: 44002 empty, 47001 no JSON object.
    """
    if not request.get_data():
        raise WeChatError(44002)
    data = _posted()
    if data is None:
        raise WeChatError(47001)
    return data


def caller() -> Account:
    """The account whose live token came with the call.

    Raises:
        WeChatError: 41001 no token, 42001 expired, 40001 unknown or replaced.
    """
    token = request.args.get("access_token", "")
    if not token:
        raise WeChatError(41001)
    verdict = state().tokens.judge(token)
    account = state().accounts.get(state().tokens.owner(token) or "")
    if verdict == "expired":
        raise WeChatError(42001)
    if verdict != "live" or account is None:
        raise WeChatError(40001)
    return account


def rid() -> str:
    """WeChat's request id; the first group is the time in hexadecimal."""
    return f"{int(time.time()):x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"


def is_own(path: str) -> bool:
    """Whether a path belongs to the sandbox itself rather than to WeChat."""
    return path == "/" or path.startswith(OWN_PAGES)


def _posted() -> dict[str, Any] | None:
    try:
        data = json.loads(request.get_data())
    except ValueError:  # bad UTF-8 too
        return None
    return data if isinstance(data, dict) else None


def _appid() -> str:
    token = request.args.get("access_token", "")
    owner = state().tokens.owner(token) if token else None
    posted = _posted() if request.method == "POST" else None
    return owner or request.args.get("appid") or str((posted or {}).get("appid") or "")


def _begin() -> Response | None:
    if is_own(request.path):
        return None
    g.started = time.perf_counter()
    g.appid = _appid()
    state().counters.add(g.appid, request.path)
    effect = g.effect = state().faults.strike(g.appid, request.path)
    if "latency_ms" in effect:
        time.sleep(effect["latency_ms"] / 1000)
    if effect.get("drop") == "before":
        return Response(status=499)
    if "http" in effect:
        return Response("<html><body>fault</body></html>", status=effect["http"], mimetype="text/html")
    if "errcode" in effect:
        raise WeChatError(effect["errcode"])
    return None


def _finish(response: Response) -> Response:
    if is_own(request.path):
        return response
    effect = g.effect
    payload = response.get_json(silent=True) if response.is_json else None
    sent = request.get_data()[:LOGGED_BODY].decode("utf-8", "replace")
    state().calls.add(
        {
            "at": int(state().clock.now()),
            "appid": g.appid,
            "method": request.method,
            "path": request.path,
            "query": {k: "…" if k in SECRET_ARGS else v for k, v in request.args.items()},
            "body": _posted() or sent,
            "status": response.status_code,
            "errcode": payload.get("errcode", 0) if isinstance(payload, dict) else 0,
            "fault": effect or None,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
        }
    )
    if "drop" in effect:
        _cut_connection()
    return response


def _cut_connection() -> None:
    """Leave the caller without an answer: the server then finds nobody to write to."""
    connection = request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)


def _refuse(error: WeChatError) -> Response:
    return answer({"errcode": error.errcode, "errmsg": f"{error.errmsg} rid: {rid()}"})


def _unknown_path(error: NotFound) -> Response:
    return _own_refusal(error) if is_own(request.path) else _refuse(WeChatError(40066))


def _wrong_method(error: MethodNotAllowed) -> Response:
    if is_own(request.path):
        return _own_refusal(error)
    return _refuse(WeChatError(43001 if "GET" in (error.valid_methods or ()) else 43002))


def _own_refusal(error: NotFound | MethodNotAllowed) -> Response:
    return make_response(jsonify(error=error.description), error.code)
