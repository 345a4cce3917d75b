"""Text messages by Aliyun (阿里云短信, Dysmsapi), through its own library (PT-4).

Aliyun sends texts it has approved: ours of a template is named by a code of theirs, and of the
parameters only those that stand in it may travel. A template of codes holds `${code}` alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import requests
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import ResponseException, UnretryableException
from darabonba.runtime import RuntimeOptions

from engage.sms.gateway import SmsGateway, SmsRefused, SmsUnreachable
from engage.sms.sandbox import CHINA, never_connected

ENDPOINT: Final = "https://dysmsapi.aliyuncs.com"
CONNECT_MS: Final = 3050
READ_MS: Final = 8000

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {"phone_code": ("code",)}

SERVER_ERROR: Final = 500

# It can write whole requests, phone and code included, to standard error.
logging.getLogger("darabonba-core").disabled = True


@dataclass(frozen=True, slots=True)
class AliyunAccount:
    """What Aliyun knows us by: `sign` is the approved signature, `templates` are theirs by our names."""

    key: str
    secret: str = field(repr=False)
    sign: str
    templates: Mapping[str, str]


class AliyunSms:
    """Aliyun at `url`, in full an `SmsGateway`."""

    def __init__(self, account: AliyunAccount, url: str = ENDPOINT) -> None:
        protocol, _, host = url.partition("://")
        self._account = account
        self._client = Client(
            Config(
                access_key_id=account.key,
                access_key_secret=account.secret,
                endpoint=host,
                protocol=protocol,
            )
        )
        self._patience = RuntimeOptions(connect_timeout=CONNECT_MS, read_timeout=READ_MS, autoretry=False)

    def send(self, phone: str, template: str, params: Mapping[str, str], text: str) -> str:  # noqa: ARG002 Aliyun makes the text itself
        """Send one; see `SmsGateway`."""
        asked = SendSmsRequest(
            phone_numbers=phone.removeprefix(CHINA).removeprefix("+"),
            sign_name=self._account.sign,
            template_code=self._account.templates[template],
            template_param=json.dumps({name: params[name] for name in PARAMETERS[template]}),
        )
        # The causes are left out: their texts may hold what was sent.
        try:
            answer = self._client.send_sms_with_options(asked, self._patience).body
        except ResponseException as error:
            raise _refusal(error) from None
        except UnretryableException as error:
            raise _silence(error) from None
        if answer is None or not answer.code:
            raise SmsUnreachable("the answer cannot be read")
        if answer.code != "OK":
            raise SmsRefused(str(answer.code))
        return str(answer.biz_id)


def _refusal(error: ResponseException) -> SmsRefused | SmsUnreachable:
    """Tell an answer that says no from one that says nothing certain."""
    if (error.status_code or SERVER_ERROR) >= SERVER_ERROR:
        return SmsUnreachable(f"HTTP {error.status_code}")
    return SmsRefused(str(error.code))


def _silence(error: UnretryableException) -> SmsRefused | SmsUnreachable:
    """Tell a message that certainly did not arrive from one that may have."""
    cause = error.inner_exception.__context__
    if isinstance(cause, requests.ConnectionError) and never_connected(cause):
        return SmsRefused("no connection")
    return SmsUnreachable(type(cause or error.inner_exception).__name__)


def _is_a_gateway(provider: AliyunSms) -> SmsGateway:
    return provider
