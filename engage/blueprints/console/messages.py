"""The history of messages: as sent, what became of each and why; unknown ones are settled (NT-4, NT-5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.addresses import read_day
from engage.blueprints.console.people_words import described, fan_called
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_
from engage.notifications import queries, rules, services
from engage.notifications.queries import Read, Wanted
from engage.patients import queries as patients

if TYPE_CHECKING:
    from engage.fans.models import Fan
    from engage.notifications.models import Delivery
    from engage.patients.models import Patient

bp = ConsoleBlueprint("console_messages", __name__, url_prefix="/console/messages")

TONES: Final = {
    "pending": "waiting",
    "sending": "waiting",
    "sent": "confirmed",
    "delivered": "good",
    "failed": "bad",
    "unknown": "bad",
    "skipped": "ended",
}
FOUND_AT_MOST: Final = 12


@bp.view("", permission="notifications.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of messages, filtered by what stands in the address."""
    return _list(staff)


@bp.view("/find", permission="notifications.view", methods=("POST",))
def find(staff: Staff) -> ResponseReturnValue:
    """Look for a person by name, phone or chart number; the address then holds their number alone."""
    words = request.form.get("q", "")
    with unit_of_work() as work:
        found = patients.search(work, words, limit=FOUND_AT_MOST)
    if len(found) == 1:
        return redirect(_address(_kept(request.form), person=str(found[0].id)), 303)
    return _list(staff, asked=words, found=found)


@bp.view("/<int:message_id>", permission="notifications.view")
def show(staff: Staff, message_id: int) -> ResponseReturnValue:
    """Show one message as it was sent, and what became of it."""
    with unit_of_work() as work:
        message = queries.delivery(work, message_id)
        read = queries.as_read(work, message)
        fan = fans.fan(work, message.fan_id)
        people = patients.patients(work, [message.patient_id] if message.patient_id else [])
        account = accounts.account(work, message.account_id)
    view = _row(message, {fan.id: fan}, people, staff.house.zone) | {
        "account": account.name,
        "title": read.title,
        "lines": _lines(message.channel, read),
        "may_resolve": message.state == "unknown",
        "times": _times(message, staff.house.zone),
    }
    return render_template("console/messages/drawer.html", view=view)


@bp.view("/<int:message_id>/resolve", permission="notifications.view", methods=("POST",))
def resolve(staff: Staff, message_id: int) -> ResponseReturnValue:
    """Settle a message that nobody knew of, after asking the patient."""
    state = request.form.get("state", "")
    with unit_of_work() as work:
        services.resolve(work, message_id, state, by=staff.actor, now=clock.now())
    flash(gettext("Noted."), "good")
    return redirect(url_for("console_messages.show", message_id=message_id), 303)


def _list(staff: Staff, *, asked: str | None = None, found: Sequence[Patient] = ()) -> str:
    kept = _kept(request.values)
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        page = queries.history(work, _wanted(kept, staff.house.zone), cursor=trail[-1] if trail else None)
        people = _people(work, page.items, kept)
        reached = fans.by_ids(work, {message.fan_id for message in page.items})
    person = people.get(int(kept["person"])) if "person" in kept else None
    view = {
        "rows": [_row(message, reached, people, staff.house.zone) for message in page.items],
        "asked": asked,
        "found": [
            {"name": one.name, "what": described(one), "url": _address(kept, person=str(one.id))}
            for one in found
        ],
        "person": {"name": person.name, "url": _address(kept, person="")} if person else None,
        "kept": kept,
        "filters": _filters(kept),
        "filtered": bool(kept),
        "newer_url": _address(kept, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(kept, page=".".join([*trail, page.next])) if page.next else "",
        "subnav": settings_pages(staff),
    }
    return render_template("console/messages/list.html", view=view)


def _people(work: Session, messages: Sequence[Delivery], kept: Mapping[str, str]) -> Mapping[int, Patient]:
    about = {message.patient_id for message in messages if message.patient_id is not None}
    return patients.patients(work, about | ({int(kept["person"])} if "person" in kept else set()))


def _row(
    message: Delivery, reached: Mapping[int, Fan], people: Mapping[int, Patient], zone: str
) -> dict[str, Any]:
    fan = reached[message.fan_id]
    patient = people.get(message.patient_id) if message.patient_id is not None else None
    return {
        "id": message.id,
        "label": gettext(rules.LABELS.get(message.kind, message.kind)),
        "fan": fan_called(fan.nickname, fan.id),
        "patient": patient.name if patient else "",
        "who": patient.name if patient else fan_called(fan.nickname, fan.id),
        "created_at": clock.local(message.created_at, zone),
        "state": gettext(rules.STATES[message.state]),
        "tone": TONES[message.state],
        "reason": _reason(message.reason),
    }


def _reason(reason: str | None) -> str:
    """Give the reason in words; WeChat's own refusals as WeChat wrote them."""
    if not reason:
        return ""
    known = rules.REASONS.get(reason)
    if known is not None:
        return str(gettext(known))
    said: str = gettext("WeChat said: %(words)s", words=reason)
    return said


def _lines(channel: str, read: Read) -> list[dict[str, str]]:
    """Give what was read, a label and a value a line; of old messages, the keys alone are known."""
    if read.text is None:
        return [{"label": key, "value": str(value)} for key, value in read.fields.items()]
    split = [line.partition("：") for line in read.text.splitlines()]
    if channel == "custom":
        return [{"label": "", "value": read.text}]
    return [{"label": label, "value": value} for label, _colon, value in split]


def _times(message: Delivery, zone: str) -> list[dict[str, Any]]:
    known = (
        (gettext("Written"), message.created_at),
        (gettext("First tried"), message.first_tried_at),
        (gettext("Sent"), message.sent_at),
        (gettext("Settled"), message.ended_at),
    )
    return [{"label": label, "at": clock.local(at, zone)} for label, at in known if at is not None]


def _kept(given: Mapping[str, str]) -> dict[str, str]:
    """Give the filters of an address or form; what is not known filters nothing."""
    chosen = {
        "person": _number(given.get("person", "")),
        "kind": given.get("kind", "") if given.get("kind") in rules.LABELS else "",
        "state": given.get("state", "") if given.get("state") in rules.STATES else "",
        "from": _day(given.get("from", "")),
        "to": _day(given.get("to", "")),
    }
    return {key: value for key, value in chosen.items() if value}


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 19 else ""


def _day(text: str) -> str:
    day = read_day(text)
    return day.isoformat() if day else ""


def _wanted(kept: Mapping[str, str], zone: str) -> Wanted:
    since = clock.day_bounds(dt.date.fromisoformat(kept["from"]), zone)[0] if "from" in kept else None
    until = clock.day_bounds(dt.date.fromisoformat(kept["to"]), zone)[1] if "to" in kept else None
    return Wanted(
        patient_id=int(kept["person"]) if "person" in kept else None,
        since=since,
        until=until,
        kind=kept.get("kind", ""),
        state=kept.get("state", ""),
    )


def _filters(kept: Mapping[str, str]) -> list[dict[str, Any]]:
    choices = {
        "state": (gettext("State"), rules.STATES),
        "kind": (gettext("Kind"), rules.LABELS),
    }
    return [
        {"key": key, "label": label, "options": _options(key, labels, kept)}
        for key, (label, labels) in choices.items()
    ]


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    current = kept.get(key, "")
    return [
        {"label": gettext(label), "url": _address(kept, **{key: value}), "current": value == current}
        for value, label in {"": N_("All"), **labels}.items()
    ]


def _address(kept: Mapping[str, str], **changed: str) -> str:
    """Give the list's address with something changed; what is empty is left out."""
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_messages.index", **chosen)
