"""Walls of what is read past a session, so that it is found by its key however many rows there are."""

from __future__ import annotations

from walls import plain_wall, wall_for_planning

revision, down_revision = "0036_read_path", "0035_push_path"
branch_labels = depends_on = None

LOOKED_UP = ("fan_session", "binding", "booking_hold")


def upgrade() -> None:
    """Ask for the tenant in a subquery."""
    for table in LOOKED_UP:
        wall_for_planning(table)


def downgrade() -> None:
    """Ask for it in the row's condition again."""
    for table in LOOKED_UP:
        plain_wall(table)
