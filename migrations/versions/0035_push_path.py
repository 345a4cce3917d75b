"""Walls of what the callback looks up, so that it is found by its key however many rows there are."""

from __future__ import annotations

from walls import plain_wall, wall_for_planning

revision, down_revision = "0035_push_path", "0034_arrivals"
branch_labels = depends_on = None

LOOKED_UP = ("fan", "conversation")


def upgrade() -> None:
    """Ask for the tenant in a subquery."""
    for table in LOOKED_UP:
        wall_for_planning(table)


def downgrade() -> None:
    """Ask for it in the row's condition again."""
    for table in LOOKED_UP:
        plain_wall(table)
