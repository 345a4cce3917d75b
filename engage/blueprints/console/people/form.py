"""What the form of a chart holds, as it is typed and as it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import request
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from engage.blueprints.console.refused import sentences
from engage.kernel.errors import N_, DomainError
from engage.patients import rules
from engage.patients.errors import WrongEmail, WrongName, WrongPhone
from engage.patients.services import NameParts, NewChart

if TYPE_CHECKING:
    from engage.patients.models import Patient

# As the form shows them. An empty phone keeps the one that is known, which the form shows masked alone.
FIELDS: Final = (
    "family_name",
    "given_name",
    "middle_name",
    "phone",
    "email",
    "sex",
    "birth_date",
    "region",
    "store",
    "consultant",
    "on_treatment",
    "memo",
    "source",
    "no_phone",
)
# Beside which field a refusal stands.
BESIDE: Final[Mapping[type[DomainError], str]] = {
    WrongName: "family_name",
    WrongPhone: "phone",
    WrongEmail: "email",
}
# Whom the clinic writes down itself; WeChat's charts are made by who books or binds there.
SOURCES: Final = ("desk", "import")
OLDEST: Final = 130  # years

_DATE: Final = N_("Please give a date of birth that lies in the past.")
_CHOICE: Final = N_("Please choose from the list.")
_LONG: Final = N_("At most %(most)s characters.")
_SPECIAL: Final = N_("Please leave out special characters.")


class _ChartIn(Schema):
    class Meta:
        unknown = EXCLUDE

    sex = fields.String(load_default=None, validate=validate.OneOf(rules.SEXES, error=_CHOICE))
    birth_date = fields.Date(load_default=None, error_messages={"invalid": _DATE})
    region = fields.String(load_default=None, validate=validate.OneOf(rules.REGIONS, error=_CHOICE))
    store = fields.Integer(load_default=None, error_messages={"invalid": _CHOICE})
    consultant = fields.Integer(load_default=None, error_messages={"invalid": _CHOICE})
    source = fields.String(load_default="desk", validate=validate.OneOf(SOURCES, error=_CHOICE))

    @pre_load
    def leave_out_what_is_empty(self, typed: Mapping[str, str], **_options: Any) -> dict[str, str]:
        """What was not filled in is not known."""
        return {name: value for name, value in typed.items() if value}


def typed() -> dict[str, str]:
    """Give the form as it was sent."""
    return {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}


def empty(store_id: int | None) -> dict[str, str]:
    """Give the form of somebody new."""
    return dict.fromkeys(FIELDS, "") | {"store": str(store_id or ""), "source": "desk"}


def filled(person: Patient) -> dict[str, str]:
    """Give the form of a chart as it is; a name that nobody gave in parts is parted as one may guess."""
    parts = (person.family_name, person.middle_name, person.given_name)
    family, middle, given = (
        rules.parted(person.name) if person.family_name is None else [part or "" for part in parts]
    )
    return dict.fromkeys(FIELDS, "") | {
        "family_name": family,
        "middle_name": middle,
        "given_name": given,
        "email": person.email or "",
        "sex": person.sex or "",
        "birth_date": person.birth_date.isoformat() if person.birth_date else "",
        "region": person.region or "",
        "store": str(person.store_id or ""),
        "consultant": str(person.consultant_id or ""),
        "on_treatment": "yes" if person.on_treatment else "",
        "memo": person.memo,
    }


def read(
    form: Mapping[str, str],
    *,
    stores: Mapping[int, str],
    consultants: Mapping[int, str],
    today: dt.date,
    phone: str | None = None,
) -> tuple[NewChart | None, dict[str, list[str]]]:
    """Read a form: the chart as it asks for, or what is wrong with which field. `phone` is the known one."""
    try:
        known: dict[str, Any] = _ChartIn().load(form)
    except ValidationError as error:
        return None, sentences(error)
    wrong = _out_of_bounds(form, known, stores, consultants, today)
    if wrong:
        return None, wrong
    chart = NewChart(
        name="",
        parts=NameParts(form["family_name"], form["middle_name"], form["given_name"]),
        phone=None if form["no_phone"] else form["phone"] or phone,
        email=form["email"] or None,
        sex=known["sex"],
        birth_date=known["birth_date"],
        region=known["region"],
        source=known["source"],
        store_id=known["store"],
        consultant_id=known["consultant"],
        on_treatment=bool(form["on_treatment"]),
        memo=form["memo"],
    )
    return chart, {}


def _out_of_bounds(
    form: Mapping[str, str],
    known: Mapping[str, Any],
    stores: Mapping[int, str],
    consultants: Mapping[int, str],
    today: dt.date,
) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    born: dt.date | None = known["birth_date"]
    if born is not None and (born > today or born.year < today.year - OLDEST):
        wrong["birth_date"] = [gettext(_DATE)]
    for name, choices in (("store", stores), ("consultant", consultants)):
        if known[name] is not None and known[name] not in choices:
            wrong[name] = [gettext(_CHOICE)]
    if len(form["memo"]) > rules.MEMO_LENGTH:
        wrong["memo"] = [gettext(_LONG) % {"most": rules.MEMO_LENGTH}]
    for name in ("family_name", "middle_name", "given_name", "memo", "email", "phone"):
        if "\0" in form[name]:
            wrong[name] = [gettext(_SPECIAL)]
    return wrong
