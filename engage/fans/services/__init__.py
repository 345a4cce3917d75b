"""What can be done with fans and their tags."""

from __future__ import annotations

from engage.fans.services import tags, tasks
from engage.fans.services.coming import (
    SESSION_LIFE,
    follow,
    following,
    forget_profile,
    log_in,
    postpone_profile,
    recognise,
    recognising,
    record_profile,
    record_refusal,
    unfollow,
    values_of,
)
from engage.fans.services.knowing import (
    ask_about_store,
    assign_consultant,
    assign_store,
    fill_consultant,
    fill_store,
    record_source,
    record_unionid,
    refresh_terms,
    refresh_terms_from,
    set_remark,
)
from engage.fans.services.leaving import forget_who_left, mute, unmute

__all__ = [
    "SESSION_LIFE",
    "ask_about_store",
    "assign_consultant",
    "assign_store",
    "fill_consultant",
    "fill_store",
    "follow",
    "following",
    "forget_profile",
    "forget_who_left",
    "log_in",
    "mute",
    "postpone_profile",
    "recognise",
    "recognising",
    "record_profile",
    "record_refusal",
    "record_source",
    "record_unionid",
    "refresh_terms",
    "refresh_terms_from",
    "set_remark",
    "tags",
    "tasks",
    "unfollow",
    "unmute",
    "values_of",
]
