"""Kinds and states of a message, why one is not sent, what an answer of WeChat means for it (NT-1, NT-4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_
from engage.wechat.rules import Trouble

STATES: Final = {
    "pending": N_("Waiting"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "failed": N_("Failed"),
    "unknown": N_("Unknown"),
    "skipped": N_("Skipped"),
}

# Placeholders that a message's texts may hold, and what each stands for. Nothing here tells who the patient
# is or what they come for: WeChat shows a message on locked screens (design §3.8).
PLACEHOLDERS: Final = {
    "account": N_("Official account"),
    "store": N_("Store"),
    "doctor": N_("Doctor"),
    "time": N_("Time"),
    "address": N_("Address"),
    "phone": N_("Store’s telephone"),
    "until": N_("Answer by"),
    "transport": N_("How to get there"),
    "ask_for": N_("Whom to ask for"),
    "bring": N_("What to bring"),
    "coupon": N_("Coupon"),
    "valid_until": N_("Last day"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message that an account words: its name, when it is written, what its texts may hold.

    One that WeChat may take for marketing starts switched off (WeChat §4).
    """

    label: str
    occasion: str
    placeholders: tuple[str, ...]
    is_marketing: bool = False


_OF_A_VISIT: Final = ("store", "doctor", "time", "address", "phone", "account")

KINDS: Final[Mapping[str, Kind]] = {
    "appointment_created": Kind(
        N_("Appointment made"), N_("As soon as a visit is booked, here or by phone."), _OF_A_VISIT
    ),
    "appointment_first": Kind(
        N_("First appointment made"),
        N_("In place of the message above, where the patient has never been here."),
        (*_OF_A_VISIT, "transport", "ask_for", "bring"),
    ),
    "appointment_reminder": Kind(
        N_("Reminder of a visit"),
        N_("Seven days, 48 hours and the evening before, until the patient says that they will come."),
        _OF_A_VISIT,
    ),
    "appointment_changed": Kind(
        N_("Appointment changed"), N_("When a visit gets another time, doctor or store."), _OF_A_VISIT
    ),
    "appointment_cancelled": Kind(
        N_("Appointment cancelled"), N_("When a visit is called off, by whomever."), _OF_A_VISIT
    ),
    "appointment_declined": Kind(
        N_("Appointment declined"),
        N_("When the clinic cannot confirm a visit that was asked for."),
        _OF_A_VISIT,
    ),
    "waiting_offer": Kind(
        N_("Time offered from the waiting list"),
        N_("When a time becomes free for which the patient waits; it is kept until the time named."),
        (*_OF_A_VISIT, "until"),
    ),
    "bound": Kind(
        N_("Chart bound"), N_("When a patient’s chart is bound to the fan’s WeChat."), ("account", "time")
    ),
    "unbound": Kind(
        N_("Chart unbound"), N_("When a chart is no longer bound to the fan’s WeChat."), ("account", "time")
    ),
    "profile_rejected": Kind(
        N_("Profile not taken"),
        N_("When a profile that a patient handed in was not taken, and the chat could not tell it."),
        ("account", "time"),
    ),
    "coupon_arrived": Kind(
        N_("Coupon arrived"),
        N_("When a campaign has given the fan a coupon."),
        ("coupon", "valid_until", "account"),
        is_marketing=True,
    ),
}

# All kinds that history shows: a reply that came too late for WeChat's answer has no wording.
LABELS: Final[Mapping[str, str]] = {
    **{name: kind.label for name, kind in KINDS.items()},
    "late_reply": N_("Automatic reply, sent late"),
}

TOO_LATE: Final = "too_late"

# Why a message was not sent, or why nobody knows; WeChat's own refusals are its code and words.
REASONS: Final[Mapping[str, str]] = {
    "switched_off": N_("This kind of message is switched off."),
    "no_template": N_("No template is chosen for this kind of message."),
    "not_following": N_("The fan does not follow the account."),
    "muted": N_("The person wants no messages."),
    "bad_wording": N_("The wording does not fit WeChat’s limits with these values."),
    "superseded": N_("A later change came first."),
    TOO_LATE: N_("Its time was over."),
    "told_together": N_("Another chart was bound at the same moment; one message told of both."),
    "told_in_chat": N_("The chat told it."),
    "unheard": N_("WeChat has not answered yet. It is tried again."),
    "no_answer": N_("WeChat gave no answer, and sending it again could have reached the patient twice."),
    "user block": N_("The fan has blocked messages of the account."),
    "system failed": N_("WeChat could not deliver it."),
    "settled_by_staff": N_("A member of staff settled it."),
    "campaign_ended": N_("The campaign was ended before its turn came."),
}

# Kinds of which somebody has to know that one did not arrive.
WATCHED: Final = frozenset({"appointment_reminder"})

# States of messages that wait for a worker.
UNDER_WAY: Final = ("pending", "sending")

# What a person may say became of a message that nobody knew of.
SETTLED_BY_HAND: Final = ("delivered", "failed")

# Of a batch: its messages go out, wait, or never do any more.
BATCH_STATES: Final = ("open", "paused", "closed")

# By which of WeChat's ways a message goes: template (WeChat §4), customer-service (WeChat §3).
CHANNELS: Final = ("template", "custom")

# WeChat forgets a client_msg_id after ten minutes; a repeat must reach it before.
REPEAT_WITHIN: Final = dt.timedelta(minutes=9)

# How long messages to many wait where a person has to mend the account, and where WeChat answers nobody.
MENDED_AFTER: Final = dt.timedelta(minutes=1)
BACK_AFTER: Final = dt.timedelta(seconds=10)

# Troubles that pass: WeChat is busy, a token was replaced while others used it, or a person is about
# to mend the account's secret or white list. A spent quota waits for WeChat's next day. All else is final.
NOT_NOW: Final = frozenset({Trouble.BUSY, Trouble.TOKEN, Trouble.SET_UP})


def may_repeat(channel: str, first_tried_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether sending (again) cannot reach the patient twice: only templates have a `client_msg_id`."""
    if first_tried_at is None:
        return True
    return channel == "template" and now - first_tried_at < REPEAT_WITHIN


def reason_of(status: str) -> tuple[str, str | None]:
    """Give state and reason for the status of a finish event (WeChat §1: note the space in one)."""
    if status == "success":
        return "delivered", None
    return "failed", status.removeprefix("failed:").strip() or "failed"
