"""The queue, one conversation, and what changed in it since the browser's number (CH-6 to CH-8)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from babel.dates import format_timedelta
from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from engage.blueprints.console.chats.access import in_reach, may_answer, visible
from engage.blueprints.console.chats.blueprint import bp
from engage.blueprints.console.chats.person import person_view
from engage.blueprints.console.chats.pictures import LARGEST_IN
from engage.blueprints.console.chats.shapes import message_view, named, row_view
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.chat import queries, rules
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.chat.queries import MessageRow, Row, Which

ALL: Final = "all"
WHICH: Final = {ALL: N_("All"), "waiting": N_("To answer"), "mine": N_("Mine")}
MESSAGES: Final = 40
CHANGES: Final = 100
# From here on the window's line is amber.
FEW_LEFT: Final = 1
SOON_OVER: Final = dt.timedelta(hours=2)


@bp.view("", permission="chats.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show the queue; beside it, to choose a conversation."""
    return page(staff, None)


@bp.view("/<int:conversation_id>", permission="chats.view")
def show(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Show the queue and one conversation, or one of the two to a page that has the other."""
    return page(staff, conversation_id)


@bp.view("/<int:conversation_id>/messages", permission="chats.view")
def messages(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Give what changed since a number, or the messages before one."""
    if "before" in request.args:
        return _older(staff, conversation_id, _number("before"))
    return update(staff, conversation_id)


@bp.view("/<int:conversation_id>/person", permission="chats.view")
def person(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Give the person beside a conversation again, after something was booked for them."""
    now = clock.now()
    with unit_of_work() as session:
        row = visible(session, staff, conversation_id, now=now)
        shown = _who(row) | {"person": person_view(session, staff, row, now=now, is_opened=False)}
    return render_template("console/chats/person.html", view={"open": shown})


def page(staff: Staff, conversation_id: int | None, *, notice: str = "", typed: str = "") -> str:
    """Draw what was asked for: the queue, a conversation, or all of it."""
    target, now = request.headers.get("HX-Target"), clock.now()
    view: dict[str, Any] = {"me": staff.id, "notice": notice, "open": None}
    with unit_of_work() as session:
        if target != "open":
            view["queue"] = _queue(session, staff, conversation_id, now=now)
        if conversation_id is not None and target != "queue-body":
            view["open"] = _open(session, staff, conversation_id, now=now) | {"typed": typed}
    template = {"open": "opened.html", "queue-body": "queue.html"}.get(target or "", "page.html")
    return render_template(f"console/chats/{template}", view=view)


def update(staff: Staff, conversation_id: int, *, notice: str = "") -> str:
    """Draw what changed in a conversation since the number that the browser names."""
    after, now = _number("after"), clock.now()
    with unit_of_work() as session:
        row = visible(session, staff, conversation_id, now=now)
        changed = queries.messages(session, row.id, after=after, limit=CHANGES)
        shown = _talk(session, staff, row, now=now) | {"messages": _drawn(changed, staff.house.zone)}
    if len(changed) == CHANGES:
        shown |= {"cursor": max(message.changed_seq for message in changed), "rest": True}
    return render_template("console/chats/update.html", view={"open": shown, "notice": notice})


def _queue(
    session: Session, staff: Staff, conversation_id: int | None, *, now: dt.datetime
) -> dict[str, Any]:
    within = in_reach(session, staff)
    which = cast("Which", request.args.get("which") if request.args.get("which") in WHICH else ALL)
    cursor = request.args.get("cursor")
    found = queries.rows(session, within, which=which, staff_id=staff.id, cursor=cursor, now=now)
    waiting = sum(queries.waiting(session, within).values())
    kept: dict[str, Any] = {} if which == ALL else {"which": which}
    return {
        "which": which,
        "tabs": [
            {
                "label": gettext(label),
                "url": _address(conversation_id, {} if key == ALL else {"which": key}),
                "current": key == which,
                "count": (waiting or "") if key == "waiting" else None,
            }
            for key, label in WHICH.items()
        ],
        "rows": [row_view(row, staff.house.zone) | {"url": _address(row.id, kept)} for row in found.items],
        "older_url": url_for("console_chats.index", **kept, cursor=found.next) if found.next else "",
    }


def _address(conversation_id: int | None, kept: dict[str, Any]) -> str:
    if conversation_id is None:
        return url_for("console_chats.index", **kept)
    return url_for("console_chats.show", conversation_id=conversation_id, **kept)


def _open(session: Session, staff: Staff, conversation_id: int, *, now: dt.datetime) -> dict[str, Any]:
    """Give a conversation with its last messages and its person."""
    row = visible(session, staff, conversation_id, now=now)
    last = queries.messages(session, row.id, limit=MESSAGES + 1)
    return _talk(session, staff, row, now=now) | {
        "messages": _drawn(last[-MESSAGES:], staff.house.zone),
        "older_url": _older_url(row.id, last),
        "person": person_view(session, staff, row, now=now, is_opened=True),
    }


def _talk(session: Session, staff: Staff, row: Row, *, now: dt.datetime) -> dict[str, Any]:
    """Give who the conversation is with, how it stands, and what this person may do in it."""
    answers = may_answer(session, staff, row)
    holds = row.holder_id == staff.id
    act = {name: url_for(f"console_chats.{name}", conversation_id=row.id) for name in ("end", "ignore")}
    return _who(row) | {
        "url": url_for("console_chats.show", conversation_id=row.id),
        "back_url": url_for("console_chats.index", which=request.args.get("which")),
        "send_url": url_for("console_chats.send", conversation_id=row.id),
        "end_url": act["end"] if holds else "",
        "ignore_url": act["ignore"] if answers and row.unread and row.holder_id in {None, staff.id} else "",
        "cursor": row.seq,
        "version": f"{row.dedicated_id} {row.following} {row.profile_id} {' '.join(row.patient_names)}",
        "seen": row.last_in_seq,
        "key": uuid.uuid4(),
        "may_answer": answers,
        "limits": {
            "characters": rules.MAX_CHARACTERS,
            "bytes": rules.MAX_BYTES,
            "picture": LARGEST_IN,
        },
        "state": _state(staff, row, may_answer=answers, now=now),
    }


def _who(row: Row) -> dict[str, Any]:
    name = named(row.nickname, row.patient_names, row.fan_id)
    drawn = row_view(row, "UTC")
    return {
        "id": row.id,
        "name": name,
        "sub": "、".join(drawn["patients"]),
        "initial": drawn["initial"],
        "tint": drawn["tint"],
        "avatar_url": drawn["avatar_url"],
    }


def _state(staff: Staff, row: Row, *, may_answer: bool, now: dt.datetime) -> dict[str, Any]:
    """Give who talks, and what WeChat still takes."""
    held = row.holder or "" if row.holder_id != staff.id else ""
    until, left = row.window.until, row.window.left
    is_open = row.window.is_open(now)
    remaining = until - now if is_open and until is not None else dt.timedelta()
    closed, advice = ("", "") if is_open else _closed(row, now)
    return {
        "may": may_answer and not held and is_open,
        "held": held,
        "reads_only": not may_answer,
        "closed": closed,
        "advice": advice,
        "left": left if is_open else None,
        "until": until,
        "remaining": format_timedelta(remaining, locale=get_locale(), threshold=1),
        "tone": "waiting" if left <= FEW_LEFT or remaining < SOON_OVER else "ended",
        "ignored": _ignored(row, staff.house.zone),
    }


def _closed(row: Row, now: dt.datetime) -> tuple[str, str]:
    """Say why WeChat takes no message, and what can be done."""
    if not row.following:
        return gettext("The fan does not follow the account."), gettext("Please call them.")
    call = gettext("As soon as the fan writes, you can answer. If it is urgent, please call.")
    if row.window.is_over(now):
        return gettext("The fan’s last message is more than 48 hours old; WeChat takes no answer."), call
    return gettext("All messages that WeChat allows since the fan’s last one are used."), call


def _ignored(row: Row, zone: str) -> str:
    if row.ignored_by is None or row.ignored_at is None:
        return ""
    at, today = clock.local(row.ignored_at, zone), clock.local(clock.now(), zone).date()
    when = f"{at:%H:%M}" if at.date() == today else moment(at)
    words = gettext("%(name)s noted at %(time)s that no answer is needed.", name=row.ignored_by, time=when)
    return str(words)


def _older(staff: Staff, conversation_id: int, before: int) -> str:
    with unit_of_work() as session:
        row = visible(session, staff, conversation_id, now=clock.now())
        found = queries.messages(session, row.id, before=before, limit=MESSAGES + 1)
        view = {
            "messages": _drawn(found[-MESSAGES:], staff.house.zone),
            "older_url": _older_url(row.id, found),
        }
    return render_template("console/chats/older.html", view=view)


def _older_url(conversation_id: int, found: Sequence[MessageRow]) -> str:
    """Give where the messages before these are; nothing where these are the first."""
    if len(found) <= MESSAGES:
        return ""
    before = found[-MESSAGES].seq
    return url_for("console_chats.messages", conversation_id=conversation_id, before=before)


def _drawn(found: Sequence[MessageRow], zone: str) -> list[dict[str, Any]]:
    return [message_view(message, zone) for message in found]


def _number(name: str) -> int:
    """Give a number of the address or form; 0 for what is none."""
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
