"""Tables that people send, as rows of text: Excel or CSV, read with care (BK-20)."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import openpyxl
import xlsxwriter

from engage.clinic.errors import NoTable

LINES_AT_MOST: Final = 5000
BYTES_AT_MOST: Final = 2 * 1024 * 1024
# What a workbook may unpack to; a small file that becomes a huge one is no roster.
UNPACKED_AT_MOST: Final = 50 * 1024 * 1024
_COLUMNS_AT_MOST: Final = 20
_CELL_AT_MOST: Final = 200

# What reading a workbook raises whose bytes are damaged, or that was locked with a password.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

Line = tuple[int, Sequence[str]]


def read(content: bytes) -> list[Line]:
    """Give the lines that hold something, with their numbers as people count them; the first is the head.

    Raises:
        NoTable: it is too long, or neither a workbook of Excel nor text.
    """
    if len(content) > BYTES_AT_MOST:
        raise NoTable(at_most=LINES_AT_MOST)
    rows = _of_workbook(content) if content.startswith(b"PK") else _of_text(content)
    lines: list[Line] = []
    for number, row in enumerate(rows, start=1):
        cells = [_text(cell)[:_CELL_AT_MOST].strip() for cell in list(row)[:_COLUMNS_AT_MOST]]
        if any(cells):
            lines.append((number, cells))
        if len(lines) > LINES_AT_MOST + 1:
            raise NoTable(at_most=LINES_AT_MOST)
    if not lines:
        raise NoTable(at_most=LINES_AT_MOST)
    return lines


def workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """Give rows as a workbook of Excel, all cells as text: a template to fill in."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet()
    sheet.set_column(0, _COLUMNS_AT_MOST, 16, text)
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row, text)
    book.close()
    return file.getvalue()


def _of_workbook(content: bytes) -> Iterable[Sequence[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED_AT_MOST:
                raise NoTable(at_most=LINES_AT_MOST)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        # A sheet tells its own size, which may be wrong.
        book.worksheets[0].reset_dimensions()
        rows = book.worksheets[0].iter_rows(values_only=True, max_row=2 * LINES_AT_MOST)
        return list(rows)
    except _DAMAGED as error:
        raise NoTable(at_most=LINES_AT_MOST) from error


def _of_text(content: bytes) -> Iterable[Sequence[str]]:
    """Read CSV in UTF-8, or as Excel in China writes it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        separator = max(",;\t", key=text.partition("\n")[0].count)
        try:
            return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error:
            break
    raise NoTable(at_most=LINES_AT_MOST)


def _text(cell: Any) -> str:
    """Write a cell as people would: dates as 2026-11-22, times as 09:30, whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, dt.time):
        return f"{cell:%H:%M}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
