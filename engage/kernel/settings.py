"""A tenant's own settings: typed, with a default, stored only where they differ from it.

Each is declared once with `Setting` by the feature that reads it, and described in
`docs/settings.md` (a test compares them). What decides an outcome is copied onto the thing decided
(design §3.7), so that changing a setting changes nothing that was decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Model, Session, TenantOwned
from engage.kernel.errors import N_, Invalid

V = TypeVar("V")

REGISTRY: dict[str, Setting[Any]] = {}


@dataclass(frozen=True, slots=True)
class Setting(Generic[V]):
    """One setting: its name, its default, and what values it may have."""

    name: str
    default: V
    allowed: Callable[[V], bool] = lambda _value: True

    def __post_init__(self) -> None:
        REGISTRY[self.name] = self


class Stored(TenantOwned, Model):
    """A setting that differs from its default."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)


def get(session: Session, setting: Setting[V]) -> V:
    """Give the tenant's value."""
    stored = session.execute(sa.select(Stored.value).where(Stored.name == setting.name)).first()
    return setting.default if stored is None else stored.value


def several(session: Session, *settings: Setting[V]) -> tuple[V, ...]:
    """Give the tenant's values of some settings, in one query."""
    names = [setting.name for setting in settings]
    rows = session.execute(sa.select(Stored.name, Stored.value).where(Stored.name.in_(names)))
    stored = {row.name: row.value for row in rows}
    return tuple(stored.get(setting.name, setting.default) for setting in settings)


def stored(setting: Setting[V]) -> sa.ScalarSelect[V | None]:
    """Give the tenant's value as part of another query; NULL where it is the default."""
    return sa.select(Stored.value).where(Stored.name == setting.name).scalar_subquery()


def stored_of(tenant_id: sa.ColumnElement[int], *settings: Setting[Any]) -> sa.ScalarSelect[Any]:
    """Give the tenant's values of some settings as part of a statement built once; `read` reads it."""
    table = cast("sa.Table", Stored.__table__).alias("s")
    names: sa.ColumnElement[list[str]] = sa.literal_column(
        f"ARRAY[{', '.join(repr(setting.name) for setting in settings)}]"
    )
    return (
        sa.select(sa.func.jsonb_object_agg(table.c.name, table.c.value, type_=JSONB))
        .where(table.c.tenant_id == tenant_id, table.c.name == sa.func.any(names))
        .scalar_subquery()
    )


def read(stored: Mapping[str, Any] | None, setting: Setting[V]) -> V:
    """Give the value of a setting among those that `stored_of` gave."""
    value: V = (stored or {}).get(setting.name, setting.default)
    return value


def put(session: Session, setting: Setting[V], value: V) -> None:
    """Change the tenant's value.

    Raises:
        Invalid: the setting may not have this value.
    """
    if type(value) is not type(setting.default) or not setting.allowed(value):
        raise Invalid({setting.name: [N_("This value is not possible here.")]})
    session.execute(
        sa.dialects.postgresql.insert(Stored)
        .values(name=setting.name, value=value)
        .on_conflict_do_update(index_elements=["tenant_id", "name"], set_={"value": value})
    )
