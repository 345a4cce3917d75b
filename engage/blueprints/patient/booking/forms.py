"""What the forms of booking hold."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask_babel import gettext
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

from engage.kernel.errors import N_

CHOOSE_A_TIME: Final = N_("Choose a time.")
WHO: Final = N_("Please say who is coming.")
NAME: Final = N_("Please write the name of who is coming.")

# What is chosen for somebody whom the fan does not speak for yet.
NEW: Final = "new"

# Fields whose sentences stand beside them; those of hidden ones stand above the form.
SHOWN: Final = frozenset({"starts_at", "patient_id", "name", "item_id", "words"})


def a_time_of_ours(at: dt.datetime) -> None:
    """Refuse years whose neighbours no calendar holds."""
    if not 1970 < at.year < 9999:
        raise ValidationError(CHOOSE_A_TIME)


def time_field() -> fields.AwareDateTime:
    """Give the field of a chosen time."""
    return fields.AwareDateTime(
        required=True,
        error_messages={"required": CHOOSE_A_TIME, "invalid": CHOOSE_A_TIME},
        validate=a_time_of_ours,
    )


class TimeIn(Schema):
    """A chosen time."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    starts_at = time_field()

    @post_load
    def in_utc(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Give the time in UTC."""
        return data | {"starts_at": data["starts_at"].astimezone(dt.UTC)}


class BookIn(TimeIn):
    """Who comes, and what for. `patient_id` is one the fan speaks for; without it `name` is somebody new."""

    patient_id = fields.Integer(load_default=None, error_messages={"invalid": WHO})
    is_new = fields.Boolean()
    name = fields.String(
        load_default="", validate=validate.Length(max=40, error=N_("At most 40 characters."))
    )
    item_id = fields.Integer(
        load_default=None, allow_none=True, error_messages={"invalid": N_("Please choose again.")}
    )
    presets = fields.List(fields.String(validate=validate.Length(max=80)), load_default=list)
    words = fields.String(
        load_default="", validate=validate.Length(max=200, error=N_("At most 200 characters."))
    )

    @pre_load
    def read(self, form: MultiDict[str, str], **_options: Any) -> dict[str, Any]:
        """Read the form as browsers send it: an empty choice is none, and presets come one by one."""
        data: dict[str, Any] = {name: value.strip() for name, value in form.items()}
        data["item_id"] = data.get("item_id") or None
        who = data.pop("patient_id", "")
        chosen = {} if who in {"", NEW} else {"patient_id": who}
        return data | chosen | {"is_new": who == NEW, "presets": form.getlist("complaint")[:20]}

    @validates_schema
    def somebody_comes(self, data: dict[str, Any], **_options: Any) -> None:
        """Ask for a name where nobody was chosen."""
        if data["patient_id"] is None and not data["name"]:
            raise ValidationError(*((NAME, "name") if data["is_new"] else (WHO, "patient_id")))

    @post_load
    def say_why(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Make one text of the presets and the words."""
        return data | {"complaint": " · ".join(filter(None, (*data["presets"], data["words"])))}


class HeldTimeIn(TimeIn):
    """A time that is or was held."""

    store_id = fields.Integer(required=True)
    who = fields.String(required=True)


class HeldIn(BookIn, HeldTimeIn):
    """The form under a held time. It names the time, for who sends it when it is held no longer."""


class KeyIn(BookIn):
    """Everything at once; the key makes repeats one."""

    key = fields.UUID(required=True)


def sentences(error: ValidationError) -> dict[str, list[str]]:
    """Give the sentences of each field."""
    found: dict[str, list[str]] = {}
    said = error.messages if isinstance(error.messages, dict) else {"form": error.messages}
    for name, texts in said.items():
        listed = texts if isinstance(texts, list) else [WHO]
        found.setdefault(name if name in SHOWN else "form", []).extend(map(gettext, listed))
    return found
