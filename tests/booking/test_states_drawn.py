"""The page of states shows the tables as they are; run as a module, it draws them anew."""

from __future__ import annotations

from engage import config
from engage.booking.rules import drawing

PAGE = config.ROOT / "docs" / "states.md"


def test_the_page_shows_the_tables_as_they_are() -> None:
    assert PAGE.read_text() == drawing.filled(PAGE.read_text())


def test_every_action_is_drawn() -> None:
    drawn = drawing.drawings()["visits"]
    for arrow in (
        "requested --> confirmed: approve",
        "requested --> cancelled: decline",
        "confirmed --> checked_in: arrive",
        "completed --> in_treatment: undo_complete",
        "cancelled --> [*]",
    ):
        assert f"    {arrow}\n" in drawn


if __name__ == "__main__":
    PAGE.write_text(drawing.filled(PAGE.read_text()))
