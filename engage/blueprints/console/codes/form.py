"""What the form of a code holds, as it is typed and as it is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from babel.numbers import get_currency_precision
from flask import request
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from engage.accounts import queries as accounts
from engage.accounts.rules import has_signs, wrong_text
from engage.blueprints.console.refused import sentences
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.kernel.errors import N_
from engage.kernel.money import Money
from engage.qrcodes import queries, rules
from engage.qrcodes.services import NewCode
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.qrcodes.models import ChannelCode

PERMANENT, TEMPORARY = "permanent", "temporary"
LASTING: Final = {PERMANENT: N_("Permanent"), TEMPORARY: N_("Temporary, 30 days")}

TEXTS: Final = (
    "kind",
    "account",
    "name",
    "caption",
    "store",
    "consultant",
    "lasting",
    "welcome",
    "cost",
    "note",
)
FIELDS: Final = (*TEXTS[:6], "tags", *TEXTS[6:])
MOST_MAJOR: Final = 100_000_000

_LIST: Final = N_("Please choose from the list.")
_AMOUNT: Final = N_("Please give an amount such as 100 or 99.5.")
_PLAIN: Final = validate.Predicate("isprintable", error=N_("Please leave out special characters."))


@dataclass(frozen=True, slots=True)
class Offered:
    """What the form can choose from: by id, names."""

    accounts: Mapping[int, str]
    stores: Mapping[int, str]
    consultants: Mapping[int, str]
    tags: Mapping[int, str]
    left: Mapping[int, int]
    currency: str


def _chosen() -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, error_messages={"invalid": _LIST})


def _sendable(text: str) -> None:
    if sentence := wrong_text(text):
        raise ValidationError(sentence)


def _visible(text: str) -> None:
    if has_signs(text):
        raise ValidationError(N_("Please leave out special characters."))


class CodeIn(Schema):
    """A channel code, as the form sends it."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    kind = fields.String(required=True, validate=validate.OneOf(rules.KINDS, error=_LIST))
    account = fields.Integer(
        required=True, error_messages={"invalid": _LIST, "null": N_("Please choose the account.")}
    )
    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please fill this in.")),
            validate.Length(max=rules.NAME_LENGTH, error=N_("At most 40 characters.")),
            _PLAIN,
        ],
    )
    caption = fields.String(
        required=True,
        validate=[validate.Length(max=rules.CAPTION_LENGTH, error=N_("At most 24 characters.")), _PLAIN],
    )
    store = _chosen()
    consultant = _chosen()
    tags = fields.List(fields.Integer(error_messages={"invalid": _LIST}), required=True)
    lasting = fields.String(required=True, validate=validate.OneOf(LASTING, error=_LIST))
    welcome = fields.String(required=True, validate=_sendable)
    cost = fields.Decimal(
        required=True,
        allow_none=True,
        validate=validate.Range(0, MOST_MAJOR, error=_AMOUNT),
        error_messages={"invalid": _AMOUNT, "special": _AMOUNT},
    )
    note = fields.String(
        required=True,
        validate=[validate.Length(max=rules.NOTE_LENGTH, error=N_("At most 500 characters.")), _visible],
    )

    @pre_load
    def leave_out(self, typed: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Read what is empty as nothing."""
        numbers = {name: typed[name] or None for name in ("account", "store", "consultant", "cost")}
        return {**typed, **numbers}


def offered(work: Session, *, responsible: int | None = None) -> Offered:
    """Give what can be chosen; `responsible` stands among the consultants though they left."""
    names = {account.id: account.name for account in accounts.accounts(work)}
    tags = {tag.id: f"{group.name} · {tag.name}" for group in fans.tag_groups(work) for tag in group.tags}
    return Offered(
        accounts=names,
        stores={store.id: store.short_name for store in clinic.stores(work)},
        consultants=tenancy.consultants(work, and_also=responsible),
        tags=tags,
        left=queries.permanent_left(work, names),
        currency=tenancy.tenant(work).currency,
    )


def typed() -> dict[str, Any]:
    """Give the form as it was typed."""
    return {
        **{name: request.form.get(name, "").strip() for name in TEXTS},
        "welcome": request.form.get("welcome", "").replace("\r\n", "\n").strip(),
        "note": request.form.get("note", "").replace("\r\n", "\n").strip(),
        "tags": request.form.getlist("tags"),
    }


def empty(choice: Offered, kind: str) -> dict[str, Any]:
    """Give the form of a new code; the first account that has permanent ones left is chosen."""
    first = next(iter(choice.accounts), None)
    return {
        **dict.fromkeys(TEXTS, ""),
        "kind": kind,
        "account": "" if first is None else str(first),
        "lasting": PERMANENT if first is not None and choice.left[first] else TEMPORARY,
        "tags": [],
    }


def filled(code: ChannelCode, tag_ids: Collection[int], currency: str) -> dict[str, Any]:
    """Give the form of a code as it is."""
    return {
        "kind": code.kind,
        "account": str(code.account_id),
        "name": code.name,
        "caption": code.caption,
        "store": str(code.store_id or ""),
        "consultant": str(code.consultant_id or ""),
        "tags": [str(tag_id) for tag_id in sorted(tag_ids)],
        "lasting": PERMANENT if code.permanent else TEMPORARY,
        "welcome": code.welcome,
        "cost": _major(code.cost_minor, currency),
        "note": code.note,
    }


def read(form: Mapping[str, Any], choice: Offered) -> tuple[NewCode | None, dict[str, list[str]]]:
    """Read a form, or give what is wrong with each field, in its order."""
    wrong: dict[str, list[str]] = {}
    try:
        got: dict[str, Any] = CodeIn().load(form)
    except ValidationError as error:
        got, wrong = cast("dict[str, Any]", error.valid_data), sentences(error)
    for name, text in _foreign(got, choice).items():
        wrong.setdefault(name, [gettext(text)])
    if wrong:
        return None, {name: wrong[name] for name in FIELDS if name in wrong}
    cost = got["cost"]
    return NewCode(
        account_id=got["account"],
        kind=got["kind"],
        name=got["name"],
        caption=got["caption"],
        permanent=got["lasting"] == PERMANENT,
        store_id=got["store"],
        consultant_id=got["consultant"],
        welcome=got["welcome"],
        cost_minor=None if cost is None else Money.of(cost, choice.currency).amount_minor,
        note=got["note"],
        tag_ids=got["tags"],
    ), {}


def _foreign(got: Mapping[str, Any], choice: Offered) -> dict[str, str]:
    """Say which choices are not among those offered, and what a store code lacks."""
    chosen = {
        "account": got.get("account", next(iter(choice.accounts), None)) in choice.accounts,
        "store": got.get("store") is None or got["store"] in choice.stores,
        "consultant": got.get("consultant") is None or got["consultant"] in choice.consultants,
        "tags": set(got.get("tags", ())) <= choice.tags.keys(),
    }
    wrong = {name: _LIST for name, is_ours in chosen.items() if not is_ours}
    if got.get("kind") == rules.STORE and "store" in got and got["store"] is None:
        wrong["store"] = N_("Please choose the store.")
    if len(set(got.get("tags", ()))) > rules.TAGS_AT_MOST:
        wrong["tags"] = N_("Please choose up to 20 tags.")
    return wrong


def _major(minor: int | None, currency: str) -> str:
    if minor is None:
        return ""
    return f"{Decimal(minor).scaleb(-get_currency_precision(currency)).normalize():f}"
