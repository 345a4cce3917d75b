"""The gateway over HTTP, by wechatpy: the only module that imports it.

wechatpy 1.8 retries without bound, waits without limit and keeps a token of its own (WeChat §14);
here each call has time-outs, one retry with a fresh token, and the shared token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
import requests
import structlog
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException
from wechatpy.oauth import WeChatOAuth

from engage.wechat.gateway import Credentials, Visitor, WeChatError, WeChatUnreachable
from engage.wechat.tokens import Tokens

log = structlog.get_logger()

API = "https://api.weixin.qq.com"
TIMEOUT_SECONDS = (3.05, 8.0)
# WeChat's own "system busy": nothing was done, try again.
BUSY = -1
TOKEN_ERRORS = frozenset({40001, 40014, 42001})


class _Elsewhere(HTTPAdapter):
    """Sends what is meant for WeChat's API to another host: the sandbox."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host.rstrip("/")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Change scheme and host, keep all else, and never wait without limit."""
        request.url = (request.url or "").replace(API, self._host, 1)
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_SECONDS
        return super().send(request, *args, **kwargs)


class _Client(WeChatClient):  # type: ignore[misc]  # wechatpy has no types
    """wechatpy's client with the token of `Tokens` and without its unbounded retry."""

    def __init__(self, account: Credentials, tokens: Tokens, adapter: HTTPAdapter) -> None:
        super().__init__(account.app_id, account.secret, timeout=TIMEOUT_SECONDS, auto_retry=False)
        self._http.mount(API, adapter)
        self._account, self._tokens = account, tokens

    @property
    def access_token(self) -> str:
        """The token in force."""
        return self._tokens.current(self._account)


class HttpGateway:
    """WeChat's API at `host`; one connection pool a process."""

    def __init__(self, host: str, connection: redis.Redis) -> None:
        self._host = host.rstrip("/")
        self._adapter = _Elsewhere(host)
        self._http = requests.Session()
        self._tokens = Tokens(connection, self._fetch_token)

    def send_template(
        self,
        account: Credentials,
        *,
        openid: str,
        template_id: str,
        fields: dict[str, str],
        url: str,
        client_msg_id: str,
    ) -> int:
        """Send a template message (WeChat §4); see `Gateway`."""
        body = {
            "touser": openid,
            "template_id": template_id,
            "url": url,
            "client_msg_id": client_msg_id,
            "data": {key: {"value": value} for key, value in fields.items()},
        }
        return int(_part(self._post(account, "message/template/send", body), "msgid"))

    def visitor(self, account: Credentials, code: str) -> Visitor:
        """Exchange an authorization's code (WeChat §8); see `Gateway`."""
        oauth = WeChatOAuth(account.app_id, account.secret, "", scope="snsapi_base")
        oauth._http.mount(API, self._adapter)
        answer = _asked(lambda: oauth.fetch_access_token(code))
        return Visitor(str(_part(answer, "openid")), bool(answer.get("is_snapshotuser")))

    def _post(self, account: Credentials, path: str, body: dict[str, Any]) -> dict[str, Any]:
        client = _Client(account, self._tokens, self._adapter)
        try:
            token = client.access_token
        except WeChatUnreachable as silence:
            raise WeChatError(BUSY, f"no token: {silence}") from silence  # the message was not sent
        try:
            return _asked(lambda: client.post(path, data=body))
        except WeChatError as error:
            if error.errcode not in TOKEN_ERRORS:
                raise
            self._tokens.replaced(account, token)
            return _asked(lambda: client.post(path, data=body))

    def _fetch_token(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        answer = _asked(
            lambda: self._http.post(
                f"{self._host}/cgi-bin/stable_token",
                json={
                    "grant_type": "client_credential",
                    "appid": account.app_id,
                    "secret": account.secret,
                    "force_refresh": force,
                },
                timeout=TIMEOUT_SECONDS,
            ).json()
        )
        log.info("wechat.token_renewed", app_id=account.app_id, forced=force)
        return str(_part(answer, "access_token")), int(_part(answer, "expires_in"))


def _asked(call: Callable[[], Any]) -> dict[str, Any]:
    """Make a call, and give its answer or raise one of the gateway's two errors."""
    try:
        answer: object = call()
    except WeChatClientException as error:
        if error.errcode is None:
            raise WeChatUnreachable(f"HTTP: {error.errmsg}"[:200]) from error
        raise WeChatError(error.errcode, str(error.errmsg)) from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise WeChatError(BUSY, "no connection") from error
        raise WeChatUnreachable(type(error).__name__) from error
    except (requests.RequestException, ValueError, TypeError) as error:
        raise WeChatUnreachable(type(error).__name__) from error
    if not isinstance(answer, dict):
        raise WeChatUnreachable("not an object")
    if answer.get("errcode"):
        raise WeChatError(int(answer["errcode"]), str(answer.get("errmsg", "")))
    return answer


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether the request certainly did not reach WeChat."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _part(answer: dict[str, Any], name: str) -> Any:
    if name not in answer:
        raise WeChatUnreachable(f"no {name} in the answer")
    return answer[name]
