"""What an official account can be set to."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from engage.kernel.errors import N_

# The queue of pushes that wait for a worker.
PUSHES: Final = "pushes"

# How WeChat pushes (WeChat §1), as its own settings page names the modes.
MODES: Final = {
    "safe": N_("Safe mode (encrypted)"),
    "compat": N_("Compatible mode"),
    "plain": N_("Plain mode"),
}

# Patient pages whose address stands in the place of `{booking}` and the others; each is the page's path too.
PLACES: Final[Mapping[str, str]] = {
    "booking": N_("Book a visit"),
    "bind": N_("Bind a mobile number"),
    "coupons": N_("My coupons"),
    "appointments": N_("My visits"),
    "me": N_("Mine"),
}

# What WeChat takes of a text (WeChat §1, §3), and what still reads well on a phone.
TEXT_LENGTH: Final = 600
TEXT_BYTES: Final = 2048

PUSH_STATES: Final = {"done": N_("Done"), "waiting": N_("Waiting"), "failed": N_("Failed")}


def callback_url(public_url: str, app_id: str) -> str:
    """Give the address at which WeChat reaches us for an account."""
    return f"{public_url}/hooks/wechat/{app_id}"


def linked(text: str, pages_url: str) -> str:
    """Put the addresses of the account's pages in the place of `{booking}` and the others."""
    return PLACE.sub(lambda found: f"{pages_url}/{found[1]}", text)


def wrong_text(text: str) -> str:
    """Say what is wrong with a text that is answered, an empty one aside; nothing if it can be sent."""
    if len(text) > TEXT_LENGTH:
        return N_("At most 600 characters.")
    if has_signs(text):
        return N_("Please leave out special characters.")
    if len(linked(text, _LONGEST_PAGES).encode()) > TEXT_BYTES:
        return N_("Too long for WeChat once addresses stand for the pages in braces.")
    return ""


def has_signs(text: str) -> bool:
    """Whether it holds signs that nobody sees, ends of lines and tabs aside: XML has no place for them."""
    return any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text)


def push_state(*, available_at: dt.datetime | None, error: str | None) -> str:
    """Say how a push stands: a worker has still to take it up, it took effect, or it waits for a person."""
    if available_at is not None:
        return "waiting"
    return "done" if error is None else "failed"


# As long as the address of an account's pages may be, so that a text is measured as it goes out.
_LONGEST_PAGES: Final = "x" * 100
PLACE: Final = re.compile(r"\{(" + "|".join(PLACES) + r")\}")

_PIECE = re.compile(r"<!\[CDATA\[.*?\]\]>|<[^>]*>|[^<]+|<", re.DOTALL)
_OPENING = re.compile(r"<\w[^>]*(?<!/)>")


def indented(xml: str) -> str:
    """Write XML with a line to each node, for people to read."""
    lines: list[str] = []
    depth, is_leaf = 0, False
    for piece in filter(str.strip, _PIECE.findall(xml)):
        opens, closes = bool(_OPENING.fullmatch(piece)), piece.startswith("</")
        depth -= closes
        if is_leaf and not opens:
            lines[-1] += piece
        else:
            lines.append("  " * depth + piece)
        depth += opens
        is_leaf = opens or (is_leaf and not closes)
    return "\n".join(lines)
