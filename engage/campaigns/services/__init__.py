"""What can be done with campaigns: planned, begun, worked, paused, ended."""

from __future__ import annotations

from engage.campaigns.rules import QUEUE
from engage.campaigns.services.acting import end, pause, resume, start
from engage.campaigns.services.planning import NewPush, edit, schedule
from engage.campaigns.services.starting import start_due
from engage.campaigns.services.working import finish, next_at, work

__all__ = [
    "QUEUE",
    "NewPush",
    "edit",
    "end",
    "finish",
    "next_at",
    "pause",
    "resume",
    "schedule",
    "start",
    "start_due",
    "work",
]
