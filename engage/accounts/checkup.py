"""Whether an account is set up rightly at WeChat, in sentences that say what to do (OA-8)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from engage.accounts.menus import shapes
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


OK, BROKEN, CANNOT_TELL = "ok", "broken", "cannot_tell"
VERDICTS: Final = {OK: N_("In order"), BROKEN: N_("Not in order"), CANNOT_TELL: N_("Cannot tell")}

# After so long without a push nobody knows whether one would come.
SILENCE: Final = dt.timedelta(days=7)

# What a clinic uses up, of WeChat's daily calls.
QUOTAS: Final[Mapping[str, str]] = {
    "/cgi-bin/message/template/send": N_("template messages"),
    "/cgi-bin/message/custom/send": N_("customer-service messages"),
    "/cgi-bin/menu/create": N_("menus published"),
    "/cgi-bin/qrcode/create": N_("QR codes made"),
    "/cgi-bin/media/upload": N_("files uploaded"),
}

_LATER: Final = N_("WeChat could not be asked about this: %(why)s")


@dataclass(frozen=True, slots=True)
class Facts:
    """What we know ourselves of an account, and how it is worded: `word` translates, `when` writes a time.

    `templates` has for each kind of message that goes out the id of its template; `menu` is the digest of
    the menu published last, None for none.
    """

    account: Credentials
    host: str
    verified_at: dt.datetime | None
    refused_at: dt.datetime | None
    received_at: dt.datetime | None
    templates: Mapping[str, str]
    menu: str | None
    now: dt.datetime
    word: Callable[[str], str]
    when: Callable[[dt.datetime], str]

    def say(self, text: str, **data: Any) -> str:
        """Word a sentence."""
        return self.word(text) % data


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at: how it is, and what to do about it."""

    verdict: str
    sentence: str
    todo: str = ""


def check(gateway: Gateway, key: str, facts: Facts) -> Line:
    """Look at one thing of `LINES`. No transaction may be open."""
    try:
        return _CHECKS[key](gateway, facts)
    except WeChatError as error:
        return _not_told(refusal(error), facts)
    except WeChatUnreachable:
        return _not_told(Finding(is_well=False, sentence=SILENT), facts)


def _not_told(finding: Finding, facts: Facts) -> Line:
    return Line(CANNOT_TELL, facts.say(_LATER, why=facts.say(finding.sentence, **finding.data)))


def _token(gateway: Gateway, facts: Facts) -> Line:
    finding = check_credentials(gateway, facts.account)
    sentence = facts.say(finding.sentence, **finding.data)
    if finding.is_well:
        return Line(OK, sentence)
    return Line(CANNOT_TELL if finding.sentence in (SILENT, BUSY) else BROKEN, sentence)


def _addresses(gateway: Gateway, facts: Facts) -> Line:
    try:
        found = gateway.callback_ips(facts.account)
    except WeChatError as error:
        if error.errcode not in (40164, 61004, 89503, 89506, 89507):
            raise
        finding = refusal(error)
        return Line(BROKEN, facts.say(finding.sentence, **finding.data))
    sentence = N_("WeChat lets this server call. Addresses that it pushes from: %(count)s.")
    return Line(OK, facts.say(sentence, count=len(found)))


def _callback(_gateway: Gateway, facts: Facts) -> Line:
    if facts.verified_at is None:
        return Line(
            BROKEN,
            facts.say(N_("WeChat has not checked our address yet.")),
            facts.say(N_("Enter address, token and key from Connection at WeChat, then press Submit there.")),
        )
    if facts.refused_at is not None and facts.refused_at > facts.verified_at:
        return Line(
            BROKEN,
            facts.say(
                N_("On %(when)s a call came with a signature that does not fit."),
                when=facts.when(facts.refused_at),
            ),
            facts.say(N_("Compare token, key and mode with what is entered at WeChat.")),
        )
    return Line(
        OK, facts.say(N_("WeChat checked our address on %(when)s."), when=facts.when(facts.verified_at))
    )


def _reached(gateway: Gateway, facts: Facts) -> Line:
    found = gateway.check_callback(facts.account)
    if not found.dns:
        return Line(
            BROKEN,
            facts.say(N_("WeChat does not find this server by its name.")),
            facts.say(N_("Check the address that is entered at WeChat, and the DNS record of its domain.")),
        )
    if found.ping and all(str(row.get("package_loss")) == "100%" for row in found.ping):
        return Line(
            BROKEN,
            facts.say(N_("WeChat finds this server, but does not reach it.")),
            facts.say(N_("Open port 80 or 443 of this server for WeChat.")),
        )
    return Line(OK, facts.say(N_("WeChat reaches this server.")))


def _pushes(_gateway: Gateway, facts: Facts) -> Line:
    todo = facts.say(N_("Write a word to the account from a phone, then check again."))
    if facts.received_at is None:
        return Line(CANNOT_TELL, facts.say(N_("Nothing has come from WeChat yet.")), todo)
    when = facts.when(facts.received_at)
    if facts.now - facts.received_at > SILENCE:
        return Line(
            CANNOT_TELL, facts.say(N_("Nothing has come from WeChat since %(when)s."), when=when), todo
        )
    return Line(OK, facts.say(N_("The last push came on %(when)s."), when=when))


def _oauth(_gateway: Gateway, facts: Facts) -> Line:
    return Line(
        CANNOT_TELL,
        facts.say(N_("WeChat does not tell which domain is entered for web authorization.")),
        facts.say(
            N_("There, under Function settings, it must read %(host)s. A patient page in WeChat shows it."),
            host=facts.host,
        ),
    )


def _scripts(_gateway: Gateway, facts: Facts) -> Line:
    return Line(
        CANNOT_TELL,
        facts.say(N_("WeChat does not tell which domain is entered for page scripts.")),
        facts.say(
            N_("There, under Function settings, JS interface domain, it must read %(host)s."), host=facts.host
        ),
    )


def _templates(gateway: Gateway, facts: Facts) -> Line:
    if not facts.templates:
        return Line(
            CANNOT_TELL,
            facts.say(N_("No message of this account goes out by a template.")),
            facts.say(N_("Switch messages on under Settings, Notifications.")),
        )
    there = {template.id for template in gateway.templates(facts.account)}
    missing = [kind for kind, template_id in facts.templates.items() if template_id not in there]
    if missing:
        return Line(
            BROKEN,
            facts.say(N_("The account has no template any more for: %(kinds)s."), kinds=" · ".join(missing)),
            facts.say(N_("Choose another template for each under Settings, Notifications.")),
        )
    sentence = N_("The account has all %(count)s templates that messages go out by.")
    return Line(OK, facts.say(sentence, count=len(facts.templates)))


def _menu(gateway: Gateway, facts: Facts) -> Line:
    shown = shapes.digest(shapes.shown_by(gateway.current_menu(facts.account)))
    if facts.menu is None:
        return Line(
            CANNOT_TELL,
            facts.say(N_("No menu was published from here.")),
            facts.say(N_("Arrange and publish one under Menu.")),
        )
    if shown != facts.menu:
        return Line(
            BROKEN,
            facts.say(N_("WeChat shows another menu than the one published here.")),
            facts.say(N_("Compare both under Menu, then publish yours or take theirs over.")),
        )
    return Line(OK, facts.say(N_("WeChat shows the menu that was published here.")))


def _quotas(gateway: Gateway, facts: Facts) -> Line:
    left = {label: gateway.quota(facts.account, path) for path, label in QUOTAS.items()}
    spent = [facts.say(label) for label, quota in left.items() if not quota.left]
    if spent:
        return Line(
            BROKEN,
            facts.say(N_("Today's calls are used up for: %(what)s."), what=" · ".join(spent)),
            facts.say(N_("They begin anew at midnight in China.")),
        )
    told = [f"{facts.say(label)} {quota.left:,} / {quota.daily_limit:,}" for label, quota in left.items()]
    return Line(OK, facts.say(N_("Left today: %(left)s."), left=" · ".join(told)))


# What is looked at, in the order in which one thing rests on the other.
LINES: Final[Mapping[str, str]] = {
    "token": N_("App ID and secret"),
    "addresses": N_("IP white list"),
    "callback": N_("Address for pushes"),
    "reached": N_("Way to this server"),
    "pushes": N_("Last push"),
    "oauth": N_("Web authorization domain"),
    "scripts": N_("Script domain"),
    "templates": N_("Message templates"),
    "menu": N_("Menu"),
    "quotas": N_("Calls left today"),
}
_CHECKS: Final[Mapping[str, Callable[[Gateway, Facts], Line]]] = {
    "token": _token,
    "addresses": _addresses,
    "callback": _callback,
    "reached": _reached,
    "pushes": _pushes,
    "oauth": _oauth,
    "scripts": _scripts,
    "templates": _templates,
    "menu": _menu,
    "quotas": _quotas,
}
