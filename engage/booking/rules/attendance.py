"""What became of a visit, and how many of those that were due were kept (BK-15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_

# What became of visits whose time is over; the first three were due.
OUTCOMES: Final = {
    "kept": N_("Came"),
    "no_show": N_("Did not come"),
    "late": N_("Cancelled late"),
    "early": N_("Cancelled in time"),
    "clinic": N_("Cancelled by the clinic"),
    "open": N_("No outcome noted"),
}
# How many days lay between booking and visit: the most of each band; None has no end.
LEADS: Final[dict[str, tuple[int | None, str]]] = {
    "same": (0, N_("The same day")),
    "3": (3, N_("1–3 days")),
    "7": (7, N_("4–7 days")),
    "30": (30, N_("8–30 days")),
    "more": (None, N_("More than 30 days")),
}
PERSONS: Final = {"new": N_("New patients"), "known": N_("Known patients")}

# The line of seed 004, and how many visits must have been due before it says anything.
LINE_PERCENT: Final = 75
ENOUGH: Final = 20


@dataclass(frozen=True, slots=True)
class Attendance:
    """Visits counted by what became of them; `promised` are those due whose patients had said they come."""

    kept: int = 0
    no_show: int = 0
    late: int = 0
    early: int = 0
    clinic: int = 0
    open: int = 0
    promised: int = 0

    @property
    def due(self) -> int:
        """How many patients were to come: the visits that were kept, missed or cancelled too late."""
        return self.kept + self.no_show + self.late

    @property
    def percent(self) -> float | None:
        """How many of a hundred that were due were kept; nothing where none was."""
        return 100 * self.kept / self.due if self.due else None

    @property
    def is_alarming(self) -> bool:
        """Whether so few were kept that somebody should look at how visits are booked."""
        return self.due >= ENOUGH and 100 * self.kept <= LINE_PERCENT * self.due
