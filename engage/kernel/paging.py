"""Keyset pages: the next page begins after the last row's key, so that no row is counted or skipped over."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from engage.kernel.errors import Malformed

T = TypeVar("T")

SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the cursor of the page after them (None at the end)."""

    items: Sequence[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list: attributes of one model, unique together, all ascending or all descending."""

    attributes: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False

    def statement(self, statement: sa.Select[Any], cursor: str | None, size: int) -> sa.Select[Any]:
        """Order `statement`, start it after `cursor` and take one row more than a page holds."""
        if cursor:
            values = decode(cursor)
            kinds = [attribute.type.python_type for attribute in self.attributes]
            if list(map(type, values)) != kinds:
                raise Malformed
            key, after = sa.tuple_(*self.attributes), sa.tuple_(*map(sa.literal, values))
            statement = statement.where(key < after if self.descending else key > after)
        order = [attribute.desc() if self.descending else attribute.asc() for attribute in self.attributes]
        return statement.order_by(*order).limit(size + 1)

    def page(self, rows: Sequence[T], size: int) -> Page[T]:
        """Cut the extra row off and remember where the next page begins."""
        if len(rows) <= size:
            return Page(rows, None)
        last = rows[size - 1]
        return Page(rows[:size], encode([getattr(last, attribute.key) for attribute in self.attributes]))


def encode(values: list[Any]) -> str:
    """Write a row's key as an opaque cursor."""
    plain = [{"at": value.isoformat()} if isinstance(value, dt.datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str) -> list[Any]:
    """Read a cursor.

    Raises:
        Malformed: it was not made by `encode`.
    """
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        json.dumps(plain, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return [
            dt.datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value for value in plain
        ]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed from error
