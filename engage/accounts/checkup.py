"""Whether an account is set up rightly at WeChat, in sentences that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from engage.kernel.errors import N_
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable
from engage.wechat.rules import Trouble

WORKS: Final = N_("WeChat accepts the app ID and the secret.")
SILENT: Final = N_("WeChat could not be reached. Check this server's way to the internet, then try again.")
BUSY: Final = N_("WeChat is busy or not reachable just now. Try again in a moment.")
SPENT: Final = N_("Today's calls to WeChat are used up. They begin anew at midnight in China.")
OTHER: Final = N_("WeChat refused with error %(code)s. Look it up in WeChat's list of error codes.")
NOT_LISTED: Final = N_(
    "WeChat does not accept calls from this server. Add its IP address to the IP white list."
)

# WeChat §0.
REFUSALS: Final[Mapping[int, str]] = {
    40013: N_("WeChat does not know this app ID. Compare it with the one on WeChat's settings page."),
    40125: N_("The app secret is wrong. Reset it on WeChat's settings page and enter the new one here."),
    40164: N_("WeChat does not accept calls from %(ip)s. Add this address to the IP white list at WeChat."),
    40243: N_("The app secret is frozen. Unfreeze it on WeChat's settings page."),
    41002: N_("The app ID is missing."),
    41004: N_("The app secret is missing."),
    48004: N_("WeChat has banned this account from its API."),
    89503: N_("WeChat asked the account's administrator to allow this server. Confirm it in WeChat."),
    89506: N_("The administrator refused this server. It can be asked for again after 24 hours."),
    89507: N_("The administrator refused this server. It can be asked for again after an hour."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; `sentence` is a message id, `data` fills its placeholders."""

    is_well: bool
    sentence: str
    data: Mapping[str, str] = field(default_factory=dict)


def check_credentials(gateway: Gateway, account: Credentials) -> Finding:
    """Ask WeChat for a token and say what is wrong, if anything. No transaction may be open."""
    try:
        gateway.check_credentials(account)
    except WeChatError as error:
        return refusal(error)
    except WeChatUnreachable:
        return Finding(is_well=False, sentence=SILENT)
    return Finding(is_well=True, sentence=WORKS)


def refusal(error: WeChatError) -> Finding:
    """Say what WeChat's refusal of a token means."""
    data = {"code": str(error.errcode)}
    sentence = REFUSALS.get(error.errcode)
    if error.trouble is Trouble.BUSY:
        sentence = BUSY
    elif error.trouble is Trouble.QUOTA:
        sentence = SPENT
    elif error.errcode == 40164:
        ip = caller_ip(error.errmsg)
        sentence, data = (sentence, data | {"ip": ip}) if ip else (NOT_LISTED, data)
    return Finding(is_well=False, sentence=sentence or OTHER, data=data)


def caller_ip(errmsg: str) -> str:
    """Give the address from which WeChat says the call came; empty where it names none."""
    return next((word for word in re.split(r"[\s,;]+", errmsg) if _is_ip(word)), "")


def _is_ip(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
