"""Reading the forms of an official account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from engage.kernel.errors import N_


def read_store(value: str, stores: Mapping[int, str]) -> int | None:
    """Read the choice of a store; empty is the whole chain.

    Raises:
        ValidationError: the chain has no such store.
    """
    if not value:
        return None
    known = {str(store_id): store_id for store_id in stores}
    if value not in known:
        raise ValidationError({"store": [N_("Please choose a store from the list.")]})
    return known[value]


def typed(form: Mapping[str, str]) -> dict[str, Any]:
    """Give what was typed, as a form shows it again: without the secret, which is never shown."""
    names = ("name", "app_id", "slug", "mode", "store")
    return {name: form.get(name, "").strip() for name in names}
