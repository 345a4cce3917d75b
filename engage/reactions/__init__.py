"""What follows from what happened: one module per concern.

`HANDLERS` is the one table of events; `docs/events.md` has a line for each (a test compares them).
A handler takes (session, payload, *, now), touches the database alone and is safe to repeat.
"""

from __future__ import annotations

from engage.kernel.outbox import Handlers
from engage.reactions import notifications

HANDLERS: Handlers = {
    "booking.booked": (notifications.tell_booked,),
}
