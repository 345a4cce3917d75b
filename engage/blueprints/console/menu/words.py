"""How menus, and what changes in them, are told to people."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext

from engage.accounts.checkup import refusal
from engage.accounts.menus.differences import ADDED, CHANGED, MOVED, REMOVED, RENAMED, Change, Place
from engage.accounts.menus.rules import (
    AGENTS,
    LINK,
    LIST,
    MODULE,
    MODULES,
    REASONS,
    REPLY,
    SILENT,
    Entries,
    Entry,
    Problem,
)
from engage.kernel.errors import N_
from engage.wechat.gateway import WeChatError

TONES = {ADDED: "good", REMOVED: "bad", RENAMED: "confirmed", CHANGED: "confirmed", MOVED: "waiting"}
LABELS = {
    ADDED: N_("New"),
    REMOVED: N_("Gone"),
    RENAMED: N_("Renamed"),
    CHANGED: N_("Does something else"),
    MOVED: N_("Moved"),
}
# What WeChat calls the entries that can only be made there.
MADE = {
    "miniprogram": N_("opens a mini program"),
    "scancode_push": N_("scans a code"),
    "scancode_waitmsg": N_("scans a code and waits for an answer"),
    "pic_sysphoto": N_("takes a picture"),
    "pic_photo_or_album": N_("takes or chooses a picture"),
    "pic_weixin": N_("chooses pictures"),
    "location_select": N_("sends a place"),
    "media_id": N_("sends a file"),
    "article_id": N_("sends an article"),
    "article_view_limited": N_("opens an article"),
    "news": N_("sends an article"),
    "img": N_("sends a picture"),
    "voice": N_("sends a recording"),
    "video": N_("sends a film"),
    "click": N_("answers by another system"),
}


def does(entry: Entry) -> str:
    """Say what a tap on the entry does."""
    if entry.kind == LIST:
        return str(gettext("opens a list"))
    if entry.kind == MODULE:
        return _leads(entry.module)
    if entry.kind == LINK:
        return str(gettext("opens %(address)s", address=entry.url or "…"))
    if entry.kind == REPLY:
        return str(gettext("answers “%(text)s”", text=entry.text or "…"))
    told = str(entry.made.get("type", ""))
    if told in MADE:
        return str(gettext(MADE[told]))
    return str(gettext("does what was set at WeChat (%(kind)s)", kind=told))


def _leads(module: str) -> str:
    if module == AGENTS:
        return str(gettext("lets the staff know"))
    return str(gettext("opens “%(page)s”", page=gettext(MODULES[module].label) if module in MODULES else "…"))


def change(made: Change) -> dict[str, Any]:
    """Give a change as a line: its kind, and the sentence."""
    return {"tone": TONES[made.kind], "label": gettext(LABELS[made.kind]), "sentence": _sentence(made)}


def _sentence(made: Change) -> str:
    if made.was is None and made.becomes is not None:
        return f"{_where(made.becomes)}: {does(made.becomes.entry)}"
    if made.becomes is None and made.was is not None:
        return f"{_where(made.was)}: {does(made.was.entry)}"
    if made.was is None or made.becomes is None:
        return ""
    was, becomes = made.was, made.becomes
    if made.kind == RENAMED:
        return str(gettext("“%(was)s” becomes “%(name)s”", was=was.entry.name, name=becomes.entry.name))
    if made.kind == CHANGED:
        return str(
            gettext(
                "“%(name)s” %(does)s, where until now it %(did)s",
                name=becomes.entry.name,
                does=does(becomes.entry),
                did=does(was.entry),
            )
        )
    if _column(was) == _column(becomes):
        return str(gettext("%(where)s, to another place", where=_where(becomes)))
    return str(
        gettext(
            "“%(name)s” from %(old)s to %(new)s",
            name=becomes.entry.name,
            old=_column(was),
            new=_column(becomes),
        )
    )


def _where(place: Place) -> str:
    if place.parent is None:
        return str(gettext("“%(name)s”", name=place.entry.name))
    return str(gettext("“%(name)s” in “%(list)s”", name=place.entry.name, list=place.parent.name))


def _column(place: Place) -> str:
    return str(gettext("“%(name)s”", name=place.parent.name)) if place.parent else gettext("the bar")


def problem(found: Problem) -> str:
    """Word what stands in the way."""
    return str(gettext(found.sentence, **found.data))


def failure(reason: str) -> str:
    """Say why a menu was not published, or could not be read."""
    if reason in REASONS:
        return str(gettext(REASONS[reason]))
    if not reason.lstrip("-").isdecimal():
        return str(gettext(REASONS[SILENT]))
    finding = refusal(WeChatError(int(reason), ""))
    return str(gettext(finding.sentence, **finding.data))


def phone(entries: Entries) -> list[dict[str, Any]]:
    """Give what a phone shows of a menu: its columns from left to right, with what each tap does."""
    return [
        {
            "id": entry.id,
            "name": entry.name,
            "does": does(entry),
            "rows": [{"id": row.id, "name": row.name, "does": does(row)} for row in entry.children],
            "is_list": entry.kind == LIST,
        }
        for entry in entries
    ]
