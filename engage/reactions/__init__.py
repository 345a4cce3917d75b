"""What follows from what happened: one module per concern.

`HANDLERS` is the one table of events; `docs/events.md` has a line for each (a test compares them).
A handler takes (session, payload, *, now), touches the database alone and is safe to repeat.
"""

from __future__ import annotations

from engage.kernel.outbox import Handlers
from engage.reactions import (
    attendance,
    audiences,
    codes,
    facts,
    keeping,
    notifications,
    privacy,
    timeline,
    waiting,
)

HANDLERS: Handlers = {
    "clinic.opened": (waiting.look,),
    "fan.followed": (timeline.note_fan, codes.record_scan),
    "fan.scanned": (timeline.note_scan, codes.record_scan),
    "fan.tagged": (timeline.note_tag,),
    "fan.untagged": (timeline.note_tag,),
    "fan.left": (timeline.note_fan, privacy.forget_who_left),
    "patients.phone_verified": (timeline.note_phone,),
    "patients.chart_created": (timeline.note_chart, privacy.compare),
    "patients.chart_changed": (timeline.note_changed, privacy.compare, audiences.of_chart),
    "patients.facts_changed": (),
    "patients.bound": (
        timeline.note_binding,
        facts.of_binding,
        notifications.tell_bound,
        audiences.of_binding,
    ),
    "patients.unbound": (
        timeline.note_binding,
        facts.of_binding,
        notifications.tell_unbound,
        audiences.of_binding,
    ),
    "patients.profile_submitted": (timeline.note_profile, audiences.of_profile),
    "patients.profile_accepted": (timeline.note_profile, audiences.of_profile),
    "patients.profile_rejected": (timeline.note_profile, notifications.tell_rejected, audiences.of_profile),
    "patients.merged": (timeline.note_merge, privacy.finish_merge, audiences.of_chart),
    "patients.erased": (audiences.of_chart,),
    "privacy.consented": (timeline.note_wish,),
    "privacy.withdrawn": (timeline.note_wish,),
    "privacy.requested": (timeline.note_wish,),
    "chat.session_opened": (timeline.note_chat,),
    "chat.dedicated": (timeline.note_dedicated,),
    "booking.booked": (timeline.note_visit, notifications.tell_booked, keeping.arrange, waiting.settle),
    "booking.changed": (
        timeline.note_visit,
        notifications.tell_changed,
        keeping.arrange,
        waiting.settle,
        waiting.look,
    ),
    "booking.cancelled": (
        timeline.note_visit,
        facts.of_visit,
        notifications.tell_cancelled,
        attendance.look,
        keeping.arrange,
        waiting.look,
    ),
    "booking.confirmed": (timeline.note_visit, notifications.tell_confirmed, keeping.arrange),
    "booking.declined": (
        timeline.note_visit,
        facts.of_visit,
        notifications.tell_declined,
        keeping.arrange,
        waiting.look,
    ),
    "booking.attendance_confirmed": (timeline.note_visit, keeping.arrange),
    "booking.checked_in": (timeline.note_visit, facts.of_visit, keeping.arrange),
    "booking.called": (timeline.note_visit,),
    "booking.kept": (timeline.note_visit,),
    "booking.undone": (timeline.note_visit, facts.of_visit, keeping.arrange),
    "booking.walked_in": (timeline.note_walk_in,),
    "booking.treatment_started": (timeline.note_visit,),
    "booking.completed": (timeline.note_visit, facts.of_visit, keeping.arrange),
    "booking.left": (timeline.note_visit,),
    "booking.no_show": (timeline.note_visit, facts.of_visit, attendance.look, keeping.arrange),
    "booking.corrected": (timeline.note_visit, facts.of_visit, keeping.arrange),
    "notifications.lost": (keeping.call_instead,),
    "waiting.wished": (timeline.note_waiting,),
    "waiting.offered": (timeline.note_waiting, notifications.tell_offered),
    "waiting.taken": (timeline.note_waiting,),
    "waiting.declined": (timeline.note_waiting,),
    "waiting.expired": (timeline.note_waiting,),
    "waiting.ended": (timeline.note_waiting,),
    "coupons.redeemed": (timeline.note_redeemed,),
    "replies.coupon_taken": (timeline.note_coupon_taken,),
}
