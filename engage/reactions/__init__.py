"""What follows from what happened: one module per concern.

`HANDLERS` is the one table of events; `docs/events.md` has a line for each (a test compares them).
A handler takes (session, payload, *, now), touches the database alone and is safe to repeat.
"""

from __future__ import annotations

from engage.kernel.outbox import Handlers
from engage.reactions import notifications, timeline

HANDLERS: Handlers = {
    "fan.followed": (timeline.note_fan,),
    "fan.left": (timeline.note_fan,),
    "patients.phone_verified": (timeline.note_phone,),
    "patients.chart_created": (timeline.note_chart,),
    "patients.bound": (timeline.note_binding, notifications.tell_bound),
    "patients.unbound": (timeline.note_binding, notifications.tell_unbound),
    "chat.session_opened": (timeline.note_chat,),
    "chat.dedicated": (timeline.note_dedicated,),
    "booking.booked": (timeline.note_visit, notifications.tell_booked),
    "booking.changed": (timeline.note_visit, notifications.tell_changed),
    "booking.cancelled": (timeline.note_visit, notifications.tell_cancelled),
    "booking.confirmed": (timeline.note_visit,),
    "booking.attendance_confirmed": (timeline.note_visit,),
    "booking.checked_in": (timeline.note_visit,),
    "booking.treatment_started": (timeline.note_visit,),
    "booking.completed": (timeline.note_visit,),
    "booking.left": (timeline.note_visit,),
    "booking.no_show": (timeline.note_visit,),
    "booking.corrected": (timeline.note_visit,),
    "coupons.redeemed": (timeline.note_redeemed,),
}
