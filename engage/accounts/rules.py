"""What an official account can be set to."""

from __future__ import annotations

import datetime as dt
import re
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

PUSH_STATES: Final = {"done": N_("Done"), "waiting": N_("Waiting"), "failed": N_("Failed")}


def callback_url(public_url: str, app_id: str) -> str:
    """Give the address at which WeChat reaches us for an account."""
    return f"{public_url}/hooks/wechat/{app_id}"


def push_state(*, available_at: dt.datetime | None, error: str | None) -> str:
    """Say how a push stands: a worker has still to take it up, it took effect, or it waits for a person."""
    if available_at is not None:
        return "waiting"
    return "done" if error is None else "failed"


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
