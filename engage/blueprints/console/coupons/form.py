"""What the coupon's form holds, as it is typed and as it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from babel.numbers import get_currency_precision
from flask import request
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from engage.blueprints.console.refused import sentences
from engage.coupons import rules
from engage.coupons.queries import Offer
from engage.coupons.rules import CASH, EXCHANGE, PERCENT, THRESHOLD, Terms
from engage.coupons.services import NewCoupon
from engage.coupons.wording import Speech
from engage.kernel.errors import N_
from engage.kernel.money import Money

DAYS, DATES = "days", "dates"
VALIDITY: Final = {DAYS: N_("Days after receipt"), DATES: N_("Fixed dates")}

# As the form shows them; also which of them belong to a kind and to a validity.
FIELDS: Final = (
    "name",
    "kind",
    "amount",
    "percent",
    "item",
    "minimum",
    "validity",
    "valid_days",
    "valid_from",
    "valid_until",
    "stores",
    "items",
    "stock",
    "per_person",
)
BELONGS: Final[Mapping[str, tuple[str, ...]]] = {
    "amount": (CASH, THRESHOLD),
    "minimum": (THRESHOLD, PERCENT),
    "percent": (PERCENT,),
    "item": (EXCHANGE,),
    "items": (CASH, THRESHOLD, PERCENT),
    "valid_days": (DAYS,),
    "valid_from": (DATES,),
    "valid_until": (DATES,),
}
TEXTS: Final = tuple(name for name in FIELDS if name not in {"stores", "items"})
MOST_PER_PERSON: Final = 100
MOST_MAJOR: Final = 100_000_000
# Dates far off are typing errors, and the last of the calendar have no day after them.
_DATES: Final = (dt.date(2000, 1, 1), dt.date(2199, 12, 31))

_AMOUNT: Final = N_("Please give an amount such as 100 or 99.5.")
_NUMBER: Final = N_("Please give a whole number.")
_DATE: Final = N_("Please choose a date.")
_LIST: Final = N_("Please choose from the list.")


def _whole(low: int, high: int, error: str) -> fields.Integer:
    return fields.Integer(
        required=True,
        allow_none=True,
        validate=validate.Range(low, high, error=error),
        error_messages={"invalid": _NUMBER, "too_large": _NUMBER},
    )


def _amount() -> fields.Decimal:
    return fields.Decimal(
        required=True,
        allow_none=True,
        validate=validate.Range(0, MOST_MAJOR, error=_AMOUNT),
        error_messages={"invalid": _AMOUNT, "special": _AMOUNT},
    )


def _day() -> fields.Date:
    return fields.Date(
        required=True,
        allow_none=True,
        validate=validate.Range(*_DATES, error=_DATE),
        error_messages={"invalid": _DATE},
    )


def _several() -> fields.List[Any]:
    return fields.List(fields.Integer(error_messages={"invalid": _LIST}), required=True)


class CouponIn(Schema):
    """A coupon; fields that do not belong to its kind are not read."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please fill this in.")),
            validate.Length(max=rules.NAME_LENGTH, error=N_("At most 20 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    kind = fields.String(
        required=True, validate=validate.OneOf(rules.KINDS, error=N_("Please choose a kind."))
    )
    amount = _amount()
    minimum = _amount()
    percent = _whole(1, 99, N_("1 to 99: what remains to be paid of 100."))
    item = fields.Integer(required=True, allow_none=True, error_messages={"invalid": _LIST})
    validity = fields.String(required=True, validate=validate.OneOf(VALIDITY, error=_LIST))
    valid_days = _whole(1, rules.MOST_DAYS, N_("1 to 3650 days."))
    valid_from = _day()
    valid_until = _day()
    stores = _several()
    items = _several()
    stackable = fields.Boolean(required=True)
    stock = _whole(1, rules.MOST_STOCK, N_("1 to 1,000,000."))
    per_person = _whole(1, MOST_PER_PERSON, N_("1 to 100."))

    @pre_load
    def leave_out(self, typed: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Read what is empty, or belongs to another kind, as nothing."""
        chosen = {typed["kind"], typed["validity"]}
        nothing = {"stores": [], "items": [], "name": "", "kind": "", "stackable": False}
        return {
            name: value if value and chosen & set(BELONGS.get(name, chosen)) else nothing.get(name)
            for name, value in typed.items()
        }


def typed() -> dict[str, Any]:
    """Give the form as it was typed."""
    return {
        **{name: request.form.get(name, "").strip() for name in TEXTS},
        "stores": request.form.getlist("stores"),
        "items": request.form.getlist("items"),
        "stackable": "stackable" in request.form,
    }


def empty() -> dict[str, Any]:
    """Give the form of a new coupon."""
    return {
        **dict.fromkeys(TEXTS, ""),
        "kind": THRESHOLD,
        "validity": DAYS,
        "valid_days": "30",
        "per_person": "1",
        "stores": [],
        "items": [],
        "stackable": False,
    }


def filled(offer: Offer, currency: str) -> dict[str, Any]:
    """Give the form of a coupon as it is."""
    terms = offer.terms
    texts = {
        "name": offer.name,
        "kind": terms.kind,
        "amount": _major(terms.amount_minor, currency),
        "minimum": _major(terms.minimum_minor, currency),
        "percent": terms.percent,
        "item": terms.item_id,
        "validity": DATES if terms.valid_until else DAYS,
        "valid_days": terms.valid_days,
        "valid_from": terms.valid_from,
        "valid_until": terms.valid_until,
        "stock": offer.stock,
        "per_person": offer.per_person,
    }
    return {
        **{name: "" if value is None else str(value) for name, value in texts.items()},
        "stores": [str(store_id) for store_id in sorted(terms.store_ids)],
        "items": [str(item_id) for item_id in sorted(terms.item_ids)],
        "stackable": terms.stackable,
    }


def read(form: Mapping[str, Any], words: Speech) -> tuple[NewCoupon, dict[str, list[str]]]:
    """Read a form as far as it can be read, and give what is wrong with each field, in its order."""
    wrong: dict[str, list[str]] = {}
    try:
        got: dict[str, Any] = CouponIn().load(form)
    except ValidationError as error:
        got, wrong = cast("dict[str, Any]", error.valid_data), sentences(error)
    terms = _terms(got, words)
    found = {**rules.problems(terms), **_foreign(terms, words), **_too_fine(got, words.currency)}
    if form["validity"] == DATES and found.pop("valid_days", None):
        found["valid_until"] = _DATE
    for name, text in found.items():
        wrong.setdefault(name, [gettext(text)])
    new = NewCoupon(got.get("name", ""), terms, got.get("stock"), got.get("per_person"))
    return new, {name: wrong[name] for name in FIELDS if name in wrong}


def _terms(got: Mapping[str, Any], words: Speech) -> Terms:
    return Terms(
        kind=got.get("kind", ""),
        amount_minor=_minor(got.get("amount"), words.currency),
        minimum_minor=_minor(got.get("minimum"), words.currency),
        percent=got.get("percent"),
        item_id=got.get("item"),
        store_ids=frozenset(got.get("stores", ())),
        item_ids=frozenset(got.get("items", ())),
        stackable=got.get("stackable", False),
        valid_from=got.get("valid_from"),
        valid_until=got.get("valid_until"),
        valid_days=got.get("valid_days"),
    )


def _foreign(terms: Terms, words: Speech) -> dict[str, str]:
    """Say which choices are not among the clinic's."""
    chosen = {
        "stores": terms.store_ids <= words.stores.keys(),
        "items": terms.item_ids <= words.items.keys(),
        "item": terms.item_id is None or terms.item_id in words.items,
    }
    return {name: _LIST for name, is_ours in chosen.items() if not is_ours}


def _too_fine(got: Mapping[str, Any], currency: str) -> dict[str, str]:
    """Say which amounts are finer than the currency's smallest unit."""
    places = get_currency_precision(currency)
    amounts = {name: got.get(name) for name in ("amount", "minimum")}
    return {
        name: _AMOUNT
        for name, amount in amounts.items()
        if amount is not None and amount != round(amount, places)
    }


def _minor(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else Money.of(amount, currency).amount_minor or None


def _major(minor: int | None, currency: str) -> str:
    if minor is None:
        return ""
    return f"{Decimal(minor).scaleb(-get_currency_precision(currency)).normalize():f}"
