"""What a wish of the waiting list says, and how forms of both faces read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from babel.dates import get_day_names
from flask_babel import get_locale, gettext
from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    pre_load,
    validate,
    validates_schema,
)
from werkzeug.datastructures import MultiDict

from engage.blueprints.faces import day, moment
from engage.booking.queries.waiting import WishRow
from engage.booking.rules.waiting import Window
from engage.booking.services import Instead
from engage.kernel import clock
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.booking.models import Appointment

# Parts of the day to choose from, as minutes of the local day, and their words.
PARTS: Final[Mapping[str, tuple[int, int, str]]] = {
    "any": (0, 1440, N_("Any time")),
    "morning": (0, 720, N_("Morning")),
    "afternoon": (720, 1080, N_("Afternoon")),
    "evening": (1080, 1440, N_("Evening")),
}
EVERY_DAY: Final = tuple(range(7))
# How many days are waited for unless somebody says otherwise.
DAYS: Final = 14
CHOOSE: Final = N_("Please choose again.")
WHO: Final = N_("Please say who is coming.")
A_DAY: Final = N_("Please choose a day.")


class WindowIn(Schema):
    """Where somebody waits, for what, and when they could come."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    key = fields.UUID(required=True)
    store_id = fields.Integer(required=True, error_messages={"invalid": CHOOSE})
    item_id = fields.Integer(load_default=None, allow_none=True, error_messages={"invalid": CHOOSE})
    weekdays = fields.List(
        fields.Integer(validate=validate.Range(0, 6)),
        validate=validate.Length(min=1, error=N_("Choose at least one day of the week.")),
    )
    part = fields.String(required=True, validate=validate.OneOf(PARTS, error=CHOOSE))
    from_date = fields.Date(required=True, error_messages={"invalid": A_DAY, "required": A_DAY})
    to_date = fields.Date(required=True, error_messages={"invalid": A_DAY, "required": A_DAY})

    @validates_schema
    def in_order(self, data: dict[str, Any], **_options: Any) -> None:
        """Ask for a last day that does not come before the first."""
        if data["to_date"] < data["from_date"]:
            raise ValidationError(N_("The last day comes before the first."), "to_date")

    @post_load
    def make_window(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Make one window of days and times."""
        begin, end, _label = PARTS[data["part"]]
        weekdays = tuple(sorted(set(data["weekdays"])))
        return data | {"window": Window(weekdays, begin, end, data["from_date"], data["to_date"])}


class WishIn(WindowIn):
    """What a patient's phone sends."""

    doctor = fields.String(required=True)
    patient_id = fields.Integer(required=True, error_messages={"required": WHO, "invalid": WHO})

    @pre_load
    def read(self, form: MultiDict[str, str], **_options: Any) -> dict[str, Any]:
        """Read the form as browsers send it: days of the week come one by one."""
        data: dict[str, Any] = {name: value.strip() for name, value in form.items()}
        return data | {"item_id": data.get("item_id") or None, "weekdays": form.getlist("weekdays")[:7]}


class DeskWishIn(WindowIn):
    """What the desk sends."""

    doctor_id = fields.Integer(load_default=None, allow_none=True, error_messages={"invalid": CHOOSE})
    patient = fields.Integer(required=True, error_messages={"required": WHO, "invalid": WHO})

    @pre_load
    def read(self, form: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """Read an empty choice as none."""
        none = {name: form.get(name) or None for name in ("item_id", "doctor_id")}
        return {**form, **none, "weekdays": form["weekdays"][:7]}


def when_of(row: WishRow) -> str:
    """Say when somebody can come, in one line."""
    wish = row.wish
    names = get_day_names("abbreviated", locale=get_locale())
    weekdays = (
        "" if len(wish.weekdays) == len(EVERY_DAY) else " ".join(names[number] for number in wish.weekdays)
    )
    part = next(
        (
            gettext(words)
            for begin, end, words in PARTS.values()
            if (begin, end) == (wish.from_minute, wish.to_minute)
        ),
        f"{_clock(wish.from_minute)}–{_clock(wish.to_minute)}",
    )
    dates = f"{day(wish.from_date)} – {day(wish.to_date)}"
    return " · ".join(filter(None, (dates, weekdays, part)))


def later_of(later: Appointment | None, zone: str) -> dict[str, Any] | None:
    """Give the later visit that may move to what is offered, as a form names it; None if there is none."""
    if later is None:
        return None
    at = moment(clock.local(later.starts_at, zone))
    return {"id": later.id, "version": later.version, "moment": at}


def moving_of(form: MultiDict[str, str]) -> Instead | None:
    """Give the visit that a form moves to what is offered."""
    visit_id, version = (form.get(name, 0, type=int) for name in ("instead", "version"))
    return Instead(visit_id, version) if visit_id else None


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
