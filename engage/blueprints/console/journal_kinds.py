"""What kinds of pushes are called (WeChat §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engage.kernel.errors import N_

_MESSAGES: Final[Mapping[str, str]] = {
    "text": N_("Text"),
    "image": N_("Picture"),
    "voice": N_("Voice message"),
    "video": N_("Video"),
    "shortvideo": N_("Short video"),
    "location": N_("Place"),
    "link": N_("Shared page"),
}

# By the event's name in small letters: WeChat's own are in several spellings.
_EVENTS: Final[Mapping[str, str]] = {
    "subscribe": N_("Follows"),
    "unsubscribe": N_("Follows no more"),
    "scan": N_("QR code scanned"),
    "location": N_("Position"),
    "click": N_("Menu: entry"),
    "view": N_("Menu: page"),
    "view_miniprogram": N_("Menu: mini program"),
    "scancode_push": N_("Menu: code scanned"),
    "scancode_waitmsg": N_("Menu: code scanned"),
    "pic_sysphoto": N_("Menu: picture"),
    "pic_photo_or_album": N_("Menu: picture"),
    "pic_weixin": N_("Menu: picture"),
    "location_select": N_("Menu: place"),
    "templatesendjobfinish": N_("Template message finished"),
    "masssendjobfinish": N_("Mass message finished"),
    "publishjobfinish": N_("Publishing finished"),
    "subscribe_msg_popup_event": N_("Notices: asked"),
    "subscribe_msg_change_event": N_("Notices: changed"),
    "subscribe_msg_sent_event": N_("Notices: sent"),
    "kf_create_session": N_("WeChat's agents: session opened"),
    "kf_close_session": N_("WeChat's agents: session closed"),
    "kf_switch_session": N_("WeChat's agents: session moved"),
    "user_info_modified": N_("Profile changed"),
    "user_authorization_revoke": N_("Consent taken back"),
    "user_authorization_cancellation": N_("WeChat account closed"),
    "qualification_verify_success": N_("Qualification verified"),
    "qualification_verify_fail": N_("Qualification refused"),
    "naming_verify_success": N_("Name verified"),
    "naming_verify_fail": N_("Name refused"),
    "annual_renew": N_("Verification due"),
    "verify_expired": N_("Verification expired"),
}


def name_of(kind: str) -> str:
    """Give the message id of a kind's name; a kind that is not known is called as WeChat calls it."""
    is_event, name = kind.startswith("event:"), kind.removeprefix("event:")
    return _EVENTS.get(name.lower(), name) if is_event else _MESSAGES.get(kind, kind)
