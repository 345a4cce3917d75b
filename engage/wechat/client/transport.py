"""HTTP to WeChat: whom to ask, how long, how much, and what an answer means (WeChat §0, §14).

Errors come as HTTP 200 with an `errcode`, and success mostly without one. All that is no such answer
leaves open whether the call was done.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from engage.wechat.gateway import WeChatError, WeChatUnreachable
from engage.wechat.rules import BUSY

API: Final = "https://api.weixin.qq.com"
MP: Final = "https://mp.weixin.qq.com"

# To connect, and between two pieces of an answer.
TIMEOUT_SECONDS: Final = (3.05, 8.0)
# For all of an answer's body, however it trickles in.
BODY_SECONDS: Final = 20.0
# Ten thousand openids take a third of it.
MAX_ANSWER: Final = 1024 * 1024
POOL: Final = 32
_NO_FILES: Final = ("application/json", "text/")

Answer = dict[str, Any]


class _Towards(HTTPAdapter):
    """Sends what is meant for one of WeChat's hosts to where it really stands: WeChat or the sandbox."""

    def __init__(self, official: str, actual: str) -> None:
        super().__init__(pool_maxsize=POOL)
        self._official, self._actual = official, actual.rstrip("/")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Change scheme and host and keep all else."""
        if self._actual != self._official:
            request.url = (request.url or "").replace(self._official, self._actual, 1)
            kwargs["proxies"] = {}  # was chosen for the host that is not asked
        return super().send(request, *args, **kwargs)


class Session(requests.Session):
    """Connections for all threads and accounts of a process, to WeChat's hosts and no other.

    It keeps no cookie, so it holds no state.
    """

    def __init__(self, hosts: Mapping[str, str]) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Proxies and authorities of the environment, once: else requests looks for them at each call.
        found = self.merge_environment_settings(API, {}, stream=None, verify=None, cert=None)
        self.proxies, self.verify, self.trust_env = found["proxies"], found["verify"], False
        self.adapters.clear()
        for official, actual in hosts.items():
            self.mount(official, _Towards(official, actual))


def ask(
    session: requests.Session,
    method: str,
    url: str,
    *,
    limit: int | None = None,
    timeout: tuple[float, float] | None = None,
    **parts: Any,
) -> Answer:
    """Make one call, and give its answer.

    With a `limit` a file of up to so many bytes is welcome: `content` and `content_type` (WeChat §10).

    Raises:
        WeChatError: WeChat refused, or no connection came about.
        WeChatUnreachable: no answer, or none of WeChat's shape.
    """
    # The causes are left out: their texts hold the address, and that holds a token or the secret.
    try:
        with session.request(
            method, url, timeout=timeout or TIMEOUT_SECONDS, stream=True, allow_redirects=False, **parts
        ) as response:
            body = read_body(response, limit or MAX_ANSWER, seconds=BODY_SECONDS)
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise WeChatError(BUSY, "no connection") from None
        raise WeChatUnreachable(type(error).__name__) from None
    except (requests.RequestException, HTTPError) as error:
        raise WeChatUnreachable(type(error).__name__) from None
    if response.status_code != requests.codes.ok:
        raise WeChatUnreachable(f"HTTP {response.status_code}")
    content_type = response.headers.get("Content-Type", "")
    if limit is None or content_type.startswith(_NO_FILES):
        return read(body)
    return {"content": body, "content_type": content_type}


def read(body: bytes) -> Answer:
    """Read an answer; broken characters and control characters in nicknames spoil it no more than needed.

    Raises:
        WeChatError: it is a refusal.
        WeChatUnreachable: it is not of WeChat's shape.
    """
    with understood():
        answer = json.loads(body.decode("utf-8", "replace"), strict=False)
        errcode = int(answer.get("errcode") or 0) if isinstance(answer, dict) else None
    if errcode is None:
        raise WeChatUnreachable("the answer is no object")
    if errcode:
        raise WeChatError(errcode, str(answer.get("errmsg", "")), answer)
    return dict(answer)


def raw(data: Mapping[str, Any]) -> bytes:
    """Write JSON in raw UTF-8: WeChat refuses escapes (WeChat §0)."""
    return json.dumps(data, ensure_ascii=False).encode()


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Take an answer apart.

    Raises:
        WeChatUnreachable: something in it is missing or of another shape.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise WeChatUnreachable(f"the answer cannot be read: {type(error).__name__}") from error


def read_body(response: requests.Response, limit: int, *, seconds: float) -> bytes:
    """Read a streamed answer to its end, however it is cut into pieces.

    Raises:
        WeChatUnreachable: it is longer than `limit` bytes, or takes longer than `seconds`.
        urllib3.exceptions.HTTPError: it broke off.
    """
    ends_at = time.monotonic() + seconds
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(65_536, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise WeChatUnreachable(f"the answer is longer than {limit} bytes")
        if time.monotonic() > ends_at:
            raise WeChatUnreachable(f"the answer takes longer than {seconds:.0f} s")
    return b"".join(parts)


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether the request certainly did not reach WeChat."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
