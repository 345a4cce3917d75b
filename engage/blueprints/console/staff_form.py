"""What the staff form holds: its fields, and its boxes of roles × stores."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.faces import LANGUAGES
from engage.kernel.errors import N_
from engage.tenancy.rules import ROLES, Grant

EVERYWHERE = "*"
NAME_LENGTH = 20


def person_name() -> fields.String:
    """Give the field of a person's name: one line, as colleagues and patients see it."""
    return fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please fill this in.")),
            validate.Length(max=NAME_LENGTH, error=N_("At most 20 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )


class StaffIn(Schema):
    """The staff form."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    name = person_name()
    login = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[a-z0-9][a-z0-9.-]{0,39}\Z", error=N_("Small letters, digits, dot and hyphen, at most 40.")
        ),
    )
    language = fields.String(
        required=True, validate=validate.OneOf(LANGUAGES, error=N_("Please choose a language."))
    )
    grants = fields.List(fields.String(), required=True)


def read_grants(boxes: Iterable[str], store_ids: Set[int]) -> frozenset[Grant]:
    """Read ticked boxes, `role:store` or `role:*`; a role at all stores takes in its single stores.

    Raises:
        ValidationError: no box, an unknown role or store, or an owner of one store only.
    """
    known = {str(store_id): store_id for store_id in store_ids}
    grants: set[Grant] = set()
    for box in boxes:
        role, _, place = box.partition(":")
        if role not in ROLES or (place != EVERYWHERE and place not in known):
            raise ValidationError({"grants": [N_("Please choose roles and stores from the table.")]})
        grants.add(Grant(role, known.get(place)))
    if not grants:
        raise ValidationError({"grants": [N_("Choose at least one role.")]})
    if any(grant.role == "owner" and grant.store_id is not None for grant in grants):
        raise ValidationError({"grants": [N_("An owner owns all stores: tick “All stores”.")]})
    return frozenset(grant for grant in grants if grant.store_id is None or Grant(grant.role) not in grants)


def grant_strings(grants: Iterable[Grant]) -> list[str]:
    """Write grants as the form's boxes."""
    return [f"{grant.role}:{EVERYWHERE if grant.store_id is None else grant.store_id}" for grant in grants]


def role_rows() -> list[dict[str, Any]]:
    """Give the rows of the table of roles."""
    return [{"key": role, "label": gettext(label), "help": ""} for role, label in ROLES.items()]
