"""The Excel file of a list of fans: written row by row, so that a million need no memory.

Every cell is text or a time, never a formula: what a fan calls themselves is nobody's program.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import xlsxwriter

from engage.accounts import queries as accounts
from engage.chat import queries as chat
from engage.clinic import queries as clinic
from engage.fans import queries, rules
from engage.kernel import clock
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.qrcodes import queries as qrcodes
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.fans.models import Fan

COLUMNS: Final = (
    "code",
    "nickname",
    "patients",
    "remark",
    "tags",
    "follows",
    "source",
    "referrer",
    "store",
    "consultant",
    "agent",
    "account",
    "first_seen",
    "last_contact",
)
WIDTHS: Final = {"tags": 30, "first_seen": 17, "last_contact": 17, "code": 10, "follows": 10}
ROWS_AT_ONCE: Final = 2000
# Excel takes 1,048,576; the head is one of them.
ROWS_A_SHEET: Final = 1_000_000
# What a table calculation takes for the beginning of a formula, also when the file becomes a CSV.
RISKY: Final = ("=", "+", "-", "@", "\t", "\r")


class Sheet:
    """The file while it is written; `data` is what the task holds: labels, words, time zone."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.row = 0

    def __enter__(self) -> Sheet:
        self.folder = tempfile.TemporaryDirectory(prefix="engage-export-")
        self.path = Path(self.folder.name) / "fans.xlsx"
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": self.folder.name,
        }
        self.book = xlsxwriter.Workbook(self.path, options)
        self.head = self.book.add_format({"bold": True, "bottom": 1})
        self.time = self.book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.folder.cleanup()

    def add(self, cells: Mapping[str, str | dt.datetime]) -> None:
        """Write one fan; a sheet that is full is followed by another."""
        if self.row > ROWS_A_SHEET:
            self._begin()
        for place, name in enumerate(COLUMNS):
            value = cells[name]
            if isinstance(value, dt.datetime):
                self.sheet.write_datetime(self.row, place, value.replace(tzinfo=None), self.time)
            elif value:
                self.sheet.write_string(self.row, place, harmless(value))
        self.row += 1

    def content(self) -> bytes:
        """Close the file and give it."""
        self.book.close()
        return self.path.read_bytes()

    def _begin(self) -> None:
        self.sheet = self.book.add_worksheet()
        self.sheet.freeze_panes(1, 0)
        for place, name in enumerate(COLUMNS):
            self.sheet.set_column(place, place, WIDTHS.get(name, 16))
            self.sheet.write_string(0, place, self.data["labels"][name], self.head)
        self.row = 1


def harmless(text: str) -> str:
    """Give text as no program takes it for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


def write(session: Session, sheet: Sheet, among: sa.Select[int, int] | None, *, after: int) -> Sequence[int]:
    """Write the next fans of a statement; gives their ids."""
    turn = [] if among is None else queries.ids_after(session, among, after, limit=ROWS_AT_ONCE)
    known = queries.by_ids(session, turn)
    names = _Names(session, [known[fan_id] for fan_id in turn], sheet.data)
    for fan_id in turn:
        sheet.add(names.cells(known[fan_id]))
    return turn


class _Names:
    """What stands in the rows of some fans, read in a fixed number of statements."""

    def __init__(self, session: Session, fans: Sequence[Fan], data: Mapping[str, Any]) -> None:
        ids = [fan.id for fan in fans]
        self.data = data
        self.tags = queries.tags_of(session, ids)
        self.patients = patients.names_of_fans(session, ids) if data["patients"] else {}
        self.stores = {store.id: store.short_name for store in clinic.stores(session)}
        self.accounts = {account.id: account.name for account in accounts.accounts(session)}
        self.codes = qrcodes.names_of(session, {fan.source_code_id for fan in fans if fan.source_code_id})
        self.agents = chat.dedicated_of(session, ids)
        consultants = {fan.consultant_id for fan in fans if fan.consultant_id}
        self.staff = tenancy.names_of(session, consultants | set(self.agents.values()))

    def cells(self, fan: Fan) -> dict[str, str | dt.datetime]:
        """Give a fan's row by column."""
        referrer = fan.referrer_fan_id
        return {
            "code": rules.short_code(fan.id),
            "nickname": fan.nickname or "",
            "patients": "、".join(self.patients.get(fan.id, ())),
            "remark": fan.remark or "",
            "tags": "、".join(tag.name for tag in self.tags.get(fan.id, ())),
            "follows": self.data["words"]["follows" if fan.following else "left"],
            "source": self.codes.get(fan.source_code_id or 0, ""),
            "referrer": rules.short_code(referrer) if referrer else "",
            "store": self.stores.get(fan.store_id or 0, ""),
            "consultant": self.staff.get(fan.consultant_id or 0, ""),
            "agent": self.staff.get(self.agents.get(fan.id, 0), ""),
            "account": self.accounts.get(fan.account_id, ""),
            "first_seen": clock.local(fan.first_seen_at, self.data["zone"]),
            "last_contact": clock.local(fan.last_seen_at, self.data["zone"]),
        }
