"""What happened to a person, in words: one sentence for each kind of entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flask import url_for
from flask_babel import gettext

from engage.blueprints.faces import moment
from engage.kernel import clock
from engage.kernel.errors import N_
from engage.patients.rules import SOURCES, WAYS
from engage.privacy.rules import REQUESTS

if TYPE_CHECKING:
    from engage.clinic.models import Store
    from engage.patients.models import TimelineEntry

VISITS: Final = "booking."


@dataclass(frozen=True, slots=True)
class Names:
    """What sentences name: stores the reader may see, doctors, fans, tags, codes; the chain's time zone."""

    stores: Mapping[int, Store]
    doctors: Mapping[int, str]
    fans: Mapping[int, str]
    zone: str
    tags: Mapping[int, str] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)


# Kind of entry → the colour of its dot and its sentence.
SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "fan.followed": ("good", N_("%(fan)s follows the official account")),
    "fan.left": ("ended", N_("%(fan)s follows the official account no more")),
    "fan.scanned": ("confirmed", N_("%(fan)s scanned the code %(code)s")),
    "fan.tagged": ("confirmed", N_("%(fan)s got a tag: %(tag)s")),
    "fan.untagged": ("ended", N_("%(fan)s lost a tag: %(tag)s")),
    "patients.phone_verified": ("good", N_("%(fan)s proved a phone")),
    "patients.chart_created": ("confirmed", N_("Chart made: %(source)s")),
    "patients.chart_changed": ("confirmed", N_("Chart changed")),
    "patients.bound": ("good", N_("%(fan)s bound: %(how)s")),
    "patients.unbound": ("ended", N_("%(fan)s bound no more")),
    "patients.profile_submitted": ("waiting", N_("%(fan)s handed in a profile")),
    "patients.profile_accepted": ("good", N_("The profile of %(fan)s was taken")),
    "patients.profile_rejected": ("bad", N_("The profile of %(fan)s was not taken")),
    "patients.merged": ("confirmed", N_("No. %(number)s was merged into this chart")),
    "privacy.consented": ("good", N_("%(fan)s agreed to the privacy notice")),
    "privacy.withdrawn": ("ended", N_("%(fan)s wants no more messages")),
    "privacy.requested": ("waiting", N_("%(fan)s asked: %(wish)s")),
    "chat.session_opened": ("confirmed", N_("A conversation with %(fan)s began")),
    "chat.dedicated": ("confirmed", N_("%(fan)s got a dedicated agent")),
    "booking.booked": ("confirmed", N_("Booked %(visit)s")),
    "booking.changed": ("waiting", N_("Changed to %(visit)s")),
    "booking.cancelled": ("ended", N_("Cancelled %(visit)s")),
    "booking.confirmed": ("confirmed", N_("Confirmed by the clinic")),
    "booking.declined": ("ended", N_("The clinic declined %(visit)s")),
    "booking.attendance_confirmed": ("confirmed", N_("Promised to come")),
    "booking.checked_in": ("good", N_("Checked in")),
    "booking.kept": ("good", N_("Kept the appointment")),
    "booking.called": ("good", N_("Called in")),
    "booking.undone": ("ended", N_("Taken back at the desk: a slip")),
    "booking.walked_in": ("good", N_("Came without an appointment")),
    "booking.treatment_started": ("good", N_("Treatment began")),
    "booking.completed": ("good", N_("Treatment completed")),
    "booking.left": ("ended", N_("Left the store")),
    "booking.no_show": ("bad", N_("Did not come")),
    "booking.corrected": ("good", N_("No-show corrected")),
    "waiting.wished": ("waiting", N_("Put on the waiting list")),
    "waiting.offered": ("confirmed", N_("Offered from the waiting list: %(visit)s")),
    "waiting.taken": ("good", N_("Took the offer: %(visit)s")),
    "waiting.declined": ("ended", N_("Declined the offer: %(visit)s")),
    "waiting.expired": ("ended", N_("Did not answer the offer: %(visit)s")),
    "waiting.resumed": ("waiting", N_("Back on the waiting list")),
    "waiting.ended": ("ended", N_("Off the waiting list")),
    "coupons.redeemed": ("good", N_("%(fan)s used a coupon %(where)s")),
    "replies.coupon_taken": ("good", N_("%(fan)s took a coupon from a reply")),
}


def told(entries: Sequence[TimelineEntry], names: Names) -> list[dict[str, Any]]:
    """Give entries for drawing. A visit at a store of others is told without place, time or link."""
    return [
        {
            "at": clock.local(entry.at, names.zone),
            "tone": SENTENCES.get(entry.kind, ("ended", ""))[0],
            "text": _sentence(entry, names),
            "url": _url(entry, names),
        }
        for entry in entries
    ]


def _sentence(entry: TimelineEntry, names: Names) -> str:
    """Give the sentence of an entry; a kind without one is called by its name."""
    if entry.kind not in SENTENCES:
        return entry.kind
    parts = {name: write(entry, names) for name, write in _PARTS.items()}
    return " ".join((gettext(SENTENCES[entry.kind][1]) % parts).split())


def _url(entry: TimelineEntry, names: Names) -> str:
    if not entry.kind.startswith(VISITS) or _store(entry, names) is None:
        return ""
    return url_for("console_appointments.show", appointment_id=entry.subject_id)


def _visit(entry: TimelineEntry, names: Names) -> str:
    """Give time, doctor and store of the visit, as they were then."""
    store = _store(entry, names)
    if store is None or "starts_at" not in entry.data:
        return str(gettext("a visit"))
    at = clock.local(dt.datetime.fromisoformat(entry.data["starts_at"]), store.zone)
    doctor = names.doctors.get(entry.data.get("doctor_id") or 0, "")
    return " · ".join(filter(None, (moment(at), doctor, store.short_name)))


def _store(entry: TimelineEntry, names: Names) -> Store | None:
    return names.stores.get(entry.data.get("store_id") or 0)


def _where(entry: TimelineEntry, names: Names) -> str:
    store = _store(entry, names)
    return store.short_name if store else ""


def _fan(entry: TimelineEntry, names: Names) -> str:
    return names.fans.get(entry.fan_id or 0) or str(gettext("A WeChat user"))


def _code(entry: TimelineEntry, names: Names) -> str:
    return names.codes.get(entry.data.get("code_id") or 0, "")


def _tag(entry: TimelineEntry, names: Names) -> str:
    return names.tags.get(entry.data.get("tag_id") or 0, "")


def _source(entry: TimelineEntry, _names: Names) -> str:
    return _word(SOURCES, entry.data.get("source"))


def _how(entry: TimelineEntry, _names: Names) -> str:
    return _word(WAYS, entry.data.get("how"))


def _word(words: Mapping[str, str], key: str | None) -> str:
    return str(gettext(words[key])) if key is not None and key in words else ""


def _number(entry: TimelineEntry, _names: Names) -> str:
    """Give the number of the chart that went into this one."""
    return str(entry.data.get("number", ""))


def _wish(entry: TimelineEntry, _names: Names) -> str:
    """Give what a fan asked for."""
    wish = entry.data.get("wish")
    return str(gettext(REQUESTS[wish])) if wish in REQUESTS else ""


_PARTS: Final[Mapping[str, Callable[[TimelineEntry, Names], str]]] = {
    "fan": _fan,
    "tag": _tag,
    "code": _code,
    "source": _source,
    "how": _how,
    "visit": _visit,
    "where": _where,
    "number": _number,
    "wish": _wish,
}
