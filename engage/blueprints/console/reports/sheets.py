"""Writing the attendance report into a workbook; cells are text and numbers, never formulas."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

import xlsxwriter
from flask_babel import gettext

from engage.blueprints.console.reports.asked import Asked
from engage.blueprints.console.reports.shapes import Names, ordered, titles
from engage.booking.queries import Counted
from engage.booking.rules.attendance import LINE_PERCENT, OUTCOMES, Attendance

_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_NAME_AT_MOST: Final = 31
# What a table calculation takes for the beginning of a formula, also when the file becomes a CSV.
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")

Line = tuple[str, Attendance]


def write(asked: Asked, counted: Counted, names: Names) -> bytes:
    """Write the file: all in one, by week, and by each dimension."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, _OPTIONS)
    span = f"{asked.days.first:%Y-%m-%d} – {asked.days.last:%Y-%m-%d}"
    _sheet(book, gettext("Attendance"), [(span, counted["all"].get(None, Attendance()))])
    by_week = [
        (monday.isoformat(), counted["week"].get(monday, Attendance())) for monday in asked.days.mondays
    ]
    _sheet(book, gettext("By week"), by_week, drawn=True)
    for dimension, title in titles().items():
        rows = [(names.of(dimension, key), found) for key, found in ordered(dimension, counted)]
        _sheet(book, title, rows, drawn=True)
    book.close()
    return made.getvalue()


def _sheet(book: xlsxwriter.Workbook, title: str, lines: Iterable[Line], *, drawn: bool = False) -> None:
    sheet = book.add_worksheet(title[:_NAME_AT_MOST])
    head, share = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "0.0%"})
    labels = [title, gettext("Kept"), gettext("Alarm line"), gettext("Due")]
    labels += [gettext(label) for label in OUTCOMES.values()] + [gettext("Promised to come")]
    for place, label in enumerate(labels):
        sheet.write_string(0, place, label, head)
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, len(labels), 14)
    sheet.freeze_panes(1, 1)
    row = 0
    for row, (name, found) in enumerate(lines, start=1):
        sheet.write_string(row, 0, harmless(name))
        if found.percent is not None:
            sheet.write_number(row, 1, found.percent / 100, share)
        sheet.write_number(row, 2, LINE_PERCENT / 100, share)
        numbers = [found.due, *(getattr(found, outcome) for outcome in OUTCOMES), found.promised]
        for place, number in enumerate(numbers, start=3):
            sheet.write_number(row, place, number)
    if drawn and row:
        sheet.insert_chart(row + 2, 0, _chart(book, sheet.get_name(), row))


def _chart(book: xlsxwriter.Workbook, sheet: str, rows: int) -> xlsxwriter.chart.Chart:
    """Draw the rates as columns, and the line they should stand above."""
    columns, line = book.add_chart({"type": "column"}), book.add_chart({"type": "line"})
    names = [sheet, 1, 0, rows, 0]
    for chart, place in ((columns, 1), (line, 2)):
        values = [sheet, 1, place, rows, place]
        chart.add_series({"name": [sheet, 0, place], "categories": names, "values": values})
    columns.combine(line)
    columns.set_y_axis({"min": 0, "max": 1, "num_format": "0%"})
    columns.set_legend({"position": "bottom"})
    columns.set_size({"width": 720, "height": 320})
    return columns


def harmless(text: str) -> str:
    """Give text as no program takes it for a formula."""
    return f"'{text}" if text.startswith(_RISKY) else text
