"""Text messages by the sandbox: they arrive on its phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from engage.sms.gateway import SmsGateway, SmsRefused, SmsUnreachable

PATH: Final = "/sandbox/sms/send"
TIMEOUT_SECONDS: Final = (3.05, 8.0)

# Providers in China, and people who look a message up, name a number of the country without its prefix.
CHINA: Final = "+86"

_NO_ADDRESS: Final = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)


class SandboxSms:
    """The provider that stands at `url`, in full an `SmsGateway`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + PATH
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, phone: str, template: str, params: Mapping[str, str], text: str) -> str:
        """Send one; see `SmsGateway`."""
        body = {
            "phone": phone.removeprefix(CHINA),
            "template": template,
            "params": dict(params),
            "text": text,
        }
        # The causes are left out: their texts may hold what was sent.
        try:
            answer = self._session.post(self._url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.ConnectionError as error:
            if never_connected(error):
                raise SmsRefused("no connection") from None
            raise SmsUnreachable(type(error).__name__) from None
        except _NO_ADDRESS as error:
            raise SmsRefused(type(error).__name__) from None
        except requests.RequestException as error:
            raise SmsUnreachable(type(error).__name__) from None
        return _read(answer)


def _read(answer: requests.Response) -> str:
    status = answer.status_code
    if requests.codes.bad_request <= status < requests.codes.internal_server_error:
        raise SmsRefused(f"HTTP {status}")
    if status != requests.codes.ok:
        raise SmsUnreachable(f"HTTP {status}")
    try:
        return str(answer.json()["id"])
    except (requests.JSONDecodeError, LookupError, TypeError) as error:
        raise SmsUnreachable("the answer cannot be read") from error


def never_connected(error: requests.ConnectionError) -> bool:
    """Whether the request certainly did not arrive."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _is_a_gateway(provider: SandboxSms) -> SmsGateway:
    return provider
