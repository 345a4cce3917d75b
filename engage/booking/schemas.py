"""What is typed of booking."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from engage.clinic.schemas import TimeOfDay
from engage.kernel.errors import N_

_NUMBER = N_("Please give a whole number.")


def _number(low: int, high: int, error: str) -> fields.Integer:
    return fields.Integer(
        required=True,
        validate=validate.Range(low, high, error=error),
        error_messages={"invalid": _NUMBER, "too_large": _NUMBER},
    )


class TermsIn(Schema):
    """What a store allows patients who book by themselves."""

    class Meta:
        unknown = EXCLUDE

    earliest = TimeOfDay(required=True)
    latest = TimeOfDay(required=True, ends=True)
    slot_minutes = _number(5, 240, N_("5 to 240 minutes, in steps of 5."))
    notice_days = _number(0, 365, N_("0 to 365 days."))
    horizon_days = _number(0, 365, N_("0 to 365 days."))
    same_day = fields.Boolean(required=True)
    change_until = _number(0, 10080, N_("At most seven days."))
    approval = fields.Boolean(required=True)
    self_booking = fields.Boolean(required=True)
