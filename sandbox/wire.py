"""What all of WeChat's API paths have in common: errors, tokens, faults, the log (WeChat §0)."""

import json
import re
import secrets
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, make_response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from sandbox.errors import WeChatError
from sandbox.posted import json_object
from sandbox.state import state
from sandbox.state.accounts import Account

OWN_PAGES = ("/phone", "/sandbox", "/open/js")
LOGGED_BODY = 16_384  # bytes of a request body kept in the log
VERDICTS = {"invalid": 40001, "malformed": 40014, "expired": 42001}  # of a token that does not work
SECRETS = ("access_token", "refresh_token", "secret", "appsecret")
# An escape of a character beyond ASCII; a backslash before the backslash makes it plain text.
ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")


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


def body(*, raw_utf8: bool = False) -> dict[str, Any]:
    r"""The JSON object posted; `raw_utf8` refuses characters escaped as `\uXXXX`, as menus do.

    Raises:
        WeChatError: 44002 empty, 47001 no JSON object, 40033 escaped characters.
    """
    if not request.get_data():
        raise WeChatError(44002)
    data = _posted()
    if data is None:
        raise WeChatError(47001)
    if raw_utf8 and ESCAPED.search(request.get_data()):
        raise WeChatError(40033)
    return data


def caller() -> Account:
    """The account whose live token came with the call.

    Raises:
        WeChatError: 41001 no token, 42001 expired, 40014 malformed, 40001 unknown or replaced.
    """
    token = request.args.get("access_token", "")
    if not token:
        raise WeChatError(41001)
    verdict = state().tokens.judge(token)
    if verdict != "live" or g.account is None:
        raise WeChatError(VERDICTS.get(verdict, 40001))
    account: Account = g.account
    return account


def rid() -> str:
    """WeChat's request id; the first group is the time in hexadecimal."""
    return f"{int(time.time()):x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"


def is_own(path: str) -> bool:
    """Whether a path belongs to the sandbox itself rather than to WeChat."""
    return path == "/" or path.startswith(OWN_PAGES)


def _posted() -> dict[str, Any] | None:
    if "posted" not in g:
        g.posted = json_object(request.get_data())
    found: dict[str, Any] | None = g.posted
    return found


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
    g.account = state().accounts.get(g.appid)
    within = _count()
    effect = g.effect = state().faults.strike(g.appid, request.path)
    if "latency_ms" in effect:
        time.sleep(effect["latency_ms"] / 1000)
    if effect.get("drop") == "before":
        return Response(status=499)
    if "http" in effect:
        return Response("<html><body>fault</body></html>", status=effect["http"], mimetype="text/html")
    if "errcode" in effect:
        raise WeChatError(effect["errcode"])
    if not within:
        raise WeChatError(45009)
    return None


def _count() -> bool:
    """Count the call; False when the account's day has no more of its kind.

    Reading of the notes: every call that names an account counts, whatever comes of it.
    """
    counters = state().counters
    limit = counters.limit(g.account, request.path)
    return counters.count(g.appid, request.path, limit=limit)


def _finish(response: Response) -> Response:
    if is_own(request.path):
        return response
    effect = g.effect
    ms = round((time.perf_counter() - g.started) * 1000, 1)
    payload = response.get_json(silent=True) if response.is_json else None
    sent = _shown_body()
    state().calls.add(
        {
            "at": int(state().clock.now()),
            "appid": g.appid,
            "method": request.method,
            "path": request.path,
            "query": _shown(request.args),
            "body": _shown(_posted() or {}) or sent,
            "status": response.status_code,
            "errcode": payload.get("errcode", 0) if isinstance(payload, dict) else 0,
            "fault": effect or None,
            "ms": ms,
        }
    )
    if "rid" in g:
        _keep_refusal(response, sent, ms)
    if "drop" in effect:
        _cut_connection(response if effect["drop"] == "during" else None)
    return response


def _shown_body() -> str:
    if request.mimetype == "multipart/form-data":
        return f"multipart/form-data of {len(request.get_data())} bytes"
    return request.get_data()[:LOGGED_BODY].decode("utf-8", "replace")


def _shown(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "…" if key in SECRETS else value for key, value in given.items()}


def _keep_refusal(response: Response, sent: str, ms: float) -> None:
    """Keep what `openapi/rid/get` tells; the notes do not give its fields, SDKs do."""
    posted = _posted()
    state().refusals.add(
        g.rid,
        g.appid,
        {
            "invoke_time": int(state().clock.now()),
            "cost_in_ms": round(ms),
            "request_url": urlencode(_shown(request.args)),
            "request_body": json.dumps(_shown(posted), ensure_ascii=False) if posted else sent,
            "response_body": response.get_data(as_text=True),
            "client_ip": request.remote_addr or "",
        },
    )


def _cut_connection(begun: Response | None) -> None:
    """Leave the caller without an answer, or with the first half of `begun`.

    The server then finds nobody to write to.
    """
    connection = request.environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return
    if begun:
        body = begun.get_data()
        head = f"HTTP/1.1 {begun.status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body[: len(body) // 2])
    connection.shutdown(socket.SHUT_RDWR)


def _refuse(error: WeChatError) -> Response:
    g.rid = rid()
    return answer({"errcode": error.errcode, "errmsg": f"{error.errmsg} rid: {g.rid}", **error.more})


def _unknown_path(error: NotFound) -> Response:
    return _own_refusal(error) if is_own(request.path) else _refuse(WeChatError(40066))


def _wrong_method(error: MethodNotAllowed) -> Response:
    if is_own(request.path):
        return _own_refusal(error)
    return _refuse(WeChatError(43001 if "GET" in (error.valid_methods or ()) else 43002))


def _own_refusal(error: NotFound | MethodNotAllowed) -> Response:
    return make_response(jsonify(error=error.description), error.code)
