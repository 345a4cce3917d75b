"""Rows of the queue and messages as plain data for drawing: on the page, and by the live process.

Nothing here depends on who looks: what is one's own is marked by the browser. Addresses are written
out, for the live process has no routes of the console.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from babel.dates import format_date, format_timedelta
from flask_babel import get_locale, gettext

from engage.blueprints.console.people_words import fan_called
from engage.chat import rules
from engage.kernel import clock
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.chat.queries import MessageRow, Row

URL: Final = "/console/chats"
PROFILES: Final = "/console/profiles"

# What stands for a message that has no words, in a row of the queue.
BRIEFLY: Final[Mapping[str, str]] = {
    "image": N_("[Picture]"),
    "voice": N_("[Voice message]"),
    "video": N_("[Video]"),
    "location": N_("[Place]"),
    "link": N_("[Link]"),
    "profile": N_("[Profile]"),
}
OTHER: Final = N_("[A message of another kind]")

# States of what an agent sent that need no word: it went.
SILENT: Final = frozenset({"received", "sent"})
LONGEST_BRIEF: Final = 80


def row_view(row: Row, zone: str) -> dict[str, Any]:
    """Give a conversation as the queue draws it."""
    name = named(row.nickname, row.patient_names, row.fan_id)
    return {
        "id": row.id,
        "url": f"{URL}/{row.id}",
        "seq": row.seq,
        "account_id": row.account_id,
        "name": name,
        "initial": name[:1].upper() if row.nickname or row.patient_names else f"{row.fan_id % 100:02d}",
        "tint": row.fan_id % 6,
        "avatar_url": f"{URL}/{row.id}/face?v={row.avatar[:12]}" if row.avatar else "",
        "patients": [one for one in row.patient_names if one != name],
        "brief": _brief(row),
        "ours": row.last_direction == "out",
        "at": clock.local(row.last_at, zone),
        "when": shortly(clock.local(row.last_at, zone), clock.local(clock.now(), zone)),
        "unread": row.unread,
        "waiting_since": clock.local(row.waiting_since, zone) if row.waiting_since else None,
        "waited": (
            format_timedelta(clock.now() - row.waiting_since, locale=get_locale())
            if row.waiting_since
            else ""
        ),
        "holder_id": row.holder_id,
        "holder": row.holder or "",
        "dedicated_id": row.dedicated_id,
        "profile": row.profile_id is not None,
    }


def message_view(message: MessageRow, zone: str) -> dict[str, Any]:
    """Give a message as the conversation draws it."""
    by_itself = message.direction == "out" and message.author_id is None
    author = gettext("Automatic reply") if by_itself else message.author or ""
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "seq": message.seq,
        "changed_seq": message.changed_seq,
        "ours": message.direction == "out",
        "author_id": message.author_id,
        "author": author,
        "initial": author[:1].upper(),
        "kind": message.kind if message.kind in {"text", *BRIEFLY} else "other",
        "text": message.text or "",
        "file_url": f"{URL}/files/{message.id}" if message.file else "",
        "fetching": message.fetching,
        "width": message.data.get("width"),
        "height": message.data.get("height"),
        "link_url": _web(message.data.get("url")),
        "profile_url": f"{PROFILES}/{message.data['submission_id']}" if message.kind == "profile" else "",
        "state": message.state,
        "word": "" if message.state in SILENT else gettext(rules.STATES[message.state]),
        "reason": _reason(message.reason),
        "retry_url": (
            f"{URL}/{message.conversation_id}/messages/{message.id}/retry"
            if message.state in rules.SENT_AGAIN and "again" not in message.data
            else ""
        ),
        "again": "again" in message.data,
        "at": clock.local(message.at, zone),
    }


def shortly(at: dt.datetime, now: dt.datetime) -> str:
    """Write when something was as a queue does: 14:32, yesterday, 20 Nov, 20 Nov 2025."""
    days = (now.date() - at.date()).days
    if days <= 0:
        return f"{at:%H:%M}"
    if days == 1:
        return str(gettext("Yesterday"))
    chinese = getattr(get_locale(), "language", "") == "zh"
    pattern = "M月d日" if chinese else "d MMM"
    if at.year != now.year:
        pattern = "y年M月d日" if chinese else "d MMM y"
    return format_date(at.date(), pattern, locale=get_locale())


def named(nickname: str | None, patient_names: tuple[str, ...], fan_id: int) -> str:
    """Give what to call a fan: the nickname, else whom they speak for, else a number to tell them apart."""
    return fan_called(nickname or "、".join(patient_names), fan_id)


def _brief(row: Row) -> str:
    """Give the last message in one line."""
    words = " ".join((row.last_text or "").split())
    if row.last_kind and row.last_kind != "text":
        words = f"{gettext(BRIEFLY.get(row.last_kind, OTHER))} {words}".strip()
    return words[:LONGEST_BRIEF]


def _reason(reason: str | None) -> str:
    """Give why something was not sent; WeChat's own refusals as WeChat wrote them."""
    if not reason:
        return ""
    known = rules.REASONS.get(reason)
    return str(gettext(known)) if known else str(gettext("WeChat said: %(words)s", words=reason))


def _web(url: str | None) -> str:
    """Give the address of a link if it leads to the web; a fan may send any."""
    return url if url and url.lower().startswith(("http://", "https://")) else ""
