"""What audiences ask of conversations: a statement of the fans of some agents."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from engage.chat.models import Conversation


def of_agents(staff_ids: Collection[int]) -> sa.Select[int]:
    """Build the statement of the fans whose dedicated agent is one of some staff."""
    return sa.select(Conversation.fan_id).where(Conversation.dedicated_staff_id.in_(sorted(staff_ids)))
