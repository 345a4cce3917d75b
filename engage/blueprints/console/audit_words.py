"""What stands in the audit trail, in words: an action is a thing and what was done to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from flask_babel import gettext

from engage.kernel.errors import N_

ACTORS: Final = {
    "staff": N_("Staff"),
    "fan": N_("A fan"),
    "system": N_("Engage"),
    "operator": N_("The operator"),
}

THINGS: Final = {
    "account": N_("Official account"),
    "appointment": N_("Appointment"),
    "arrival_code": N_("Code at the door"),
    "booking_terms": N_("Booking rules"),
    "campaign": N_("Campaign"),
    "channel_code": N_("Channel code"),
    "chat": N_("Chat"),
    "closure": N_("Closure"),
    "complaint": N_("Complaint preset"),
    "coupon": N_("Coupon"),
    "doctor": N_("Doctor"),
    "fan": N_("Fan"),
    "fans": N_("Many fans"),
    "item": N_("Item"),
    "item_category": N_("Category"),
    "menu": N_("Menu"),
    "message": N_("Message"),
    "notice": N_("Privacy notice"),
    "outbox": N_("Waiting reaction"),
    "patient": N_("Patient chart"),
    "privacy": N_("Privacy"),
    "profile_form": N_("Form of profiles"),
    "push": N_("WeChat push"),
    "reply": N_("Automatic reply"),
    "report": N_("Report"),
    "roster": N_("Roster"),
    "staff": N_("Staff"),
    "store": N_("Store"),
    "store_day": N_("Special day"),
    "tag": N_("Tag"),
    "tag_group": N_("Group of tags"),
    "task": N_("Call"),
    "tenant": N_("Chain"),
    "waiting": N_("Waiting list"),
    "walk_in": N_("Walk-in"),
    "wording": N_("Wording of a message"),
}

DEEDS: Final = {
    "added": N_("added"),
    "booked": N_("booked"),
    "bound": N_("bound to a WeChat"),
    "called": N_("called in"),
    "came": N_("noted"),
    "cancelled": N_("cancelled"),
    "changed": N_("changed"),
    "completed": N_("completed"),
    "connected": N_("connected"),
    "consented": N_("agreed to the privacy notice"),
    "consultant": N_("consultant asked for"),
    "copied": N_("copy of all data asked for"),
    "copy_fetched": N_("copy of all data fetched"),
    "created": N_("created"),
    "declined": N_("declined"),
    "deleted": N_("deleted"),
    "disabled": N_("disabled"),
    "enabled": N_("enabled"),
    "ended": N_("ended"),
    "erased": N_("erased"),
    "erasure_asked": N_("erasure asked for"),
    "export": N_("Excel export asked for"),
    "export_fetched": N_("Excel file fetched"),
    "exported": N_("taken as an Excel file"),
    "finished": N_("finished"),
    "gone": N_("gone unseen"),
    "ignored": N_("set to need no answer"),
    "imported": N_("taken over from a file"),
    "keys_renewed": N_("keys drawn anew"),
    "logged_in": N_("logged in"),
    "logo_set": N_("logo chosen"),
    "merged": N_("another chart merged into it"),
    "merged_away": N_("merged into another chart"),
    "missed": N_("missed"),
    "moved": N_("moved in the order"),
    "notice_written": N_("notice published"),
    "offered": N_("offered a time"),
    "password_set": N_("password set"),
    "paused": N_("paused"),
    "phone_revealed": N_("looked at the whole phone"),
    "pictures_asked": N_("pictures asked for"),
    "published": N_("published"),
    "put_off": N_("put off"),
    "recovery_code_used": N_("logged in with a recovery code"),
    "redeemed": N_("redeemed"),
    "removed": N_("removed"),
    "renewed": N_("renewed"),
    "replayed": N_("replayed"),
    "request_declined": N_("request declined"),
    "request_done": N_("request marked as done"),
    "restored": N_("taken back into use"),
    "resumed": N_("resumed"),
    "retired": N_("taken out of use"),
    "retried": N_("tried again"),
    "saved": N_("saved"),
    "scheduled": N_("scheduled"),
    "script_changed": N_("script changed"),
    "second_factor_off": N_("second factor turned off"),
    "second_factor_on": N_("second factor turned on"),
    "set": N_("changed"),
    "started": N_("started"),
    "store": N_("store asked for"),
    "suspected_again": N_("shown as a duplicate again"),
    "switched_off": N_("switched off"),
    "switched_on": N_("switched on"),
    "tag": N_("tagging asked for"),
    "tagged": N_("tagged"),
    "taken_over": N_("taken over from WeChat"),
    "task_finished": N_("done by the worker"),
    "told_apart": N_("told apart from another chart"),
    "unbound": N_("unbound from a WeChat"),
    "undone": N_("taken back: a slip"),
    "untag": N_("untagging asked for"),
    "untagged": N_("untagged"),
    "updated": N_("changed"),
    "viewed": N_("looked at"),
    "welcome_changed": N_("words for new patients changed"),
    "wished": N_("put on the waiting list"),
    "withdrawn": N_("withdrawn"),
    "withdrew": N_("wants no more messages"),
}

LOOKS: Final = ("patient.viewed", "patient.phone_revealed", "patient.copy_fetched", "push.viewed")

# What the trail is filtered by: the words of a group, and the actions in it.
GROUPS: Final[dict[str, tuple[str, Collection[str]]]] = {
    "looks": (N_("Looks at charts"), LOOKS),
    "log_ins": (
        N_("Log-ins"),
        ("staff.logged_in", "staff.recovery_code_used", "staff.second_factor_on", "staff.second_factor_off"),
    ),
}


def group_actions(group: str) -> Collection[str]:
    """Give the actions of a group."""
    return GROUPS[group][1]


def said(action: str) -> str:
    """Write an action in words: Chart: looked at."""
    thing, _, deed = action.partition(".")
    sentence: str = gettext(
        "%(thing)s: %(deed)s", thing=gettext(THINGS.get(thing, thing)), deed=gettext(DEEDS.get(deed, deed))
    )
    return sentence
