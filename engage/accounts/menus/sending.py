"""Talking to WeChat about a menu; no transaction may be open meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from engage.accounts.menus import shapes
from engage.accounts.menus.shapes import Wire
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable


@dataclass(frozen=True, slots=True)
class Read:
    """What WeChat shows."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class Taken:
    """WeChat took the menu; `shown` is what it shows for it, if it could be read back."""

    shown: Wire | None


@dataclass(frozen=True, slots=True)
class Changed:
    """WeChat shows another menu than was compared with, so nothing was sent."""

    shown: Wire


@dataclass(frozen=True, slots=True)
class Refused:
    """WeChat refused; nothing was changed."""

    errcode: int


@dataclass(frozen=True, slots=True)
class Unheard:
    """No answer came. While publishing it is not known whether the menu was taken: a reading will tell."""


Outcome = Taken | Changed | Refused | Unheard

# In the place of WeChat's error where it was not reached, and so certainly did nothing.
SILENT = 0


def read(gateway: Gateway, account: Credentials) -> Read | Refused | Unheard:
    """Ask what WeChat shows, wherever it was made."""
    try:
        return Read(shapes.shown_by(gateway.current_menu(account)))
    except WeChatError as error:
        return Refused(error.errcode)
    except WeChatUnreachable:
        return Unheard()


def publish(gateway: Gateway, account: Credentials, wire: Wire, *, digest: str) -> Outcome:
    """Publish a menu if WeChat still shows the one with `digest`, and read it back."""
    before = read(gateway, account)
    if not isinstance(before, Read):
        return before if isinstance(before, Refused) else Refused(SILENT)
    if shapes.digest(before.wire) != digest:
        return Changed(before.wire)
    try:
        gateway.publish_menu(account, wire)
    except WeChatError as error:
        return Refused(error.errcode)
    except WeChatUnreachable:
        return Unheard()
    after = read(gateway, account)
    return Taken(after.wire if isinstance(after, Read) else None)
