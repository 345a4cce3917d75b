"""What can be done for people's privacy: one module each."""

from __future__ import annotations

from engage.privacy.services.consents import give, withdraw, write_notice
from engage.privacy.services.copying import Section, names, sections
from engage.privacy.services.duplicates import compare, compare_from, dismiss, suspect_again
from engage.privacy.services.erasing import carry_out, erase
from engage.privacy.services.merging import Preview, follow_up, merge, preview
from engage.privacy.services.requests import ask, decide
from engage.privacy.services.tasks import (
    Errand,
    ask_copy,
    ask_erasure,
    claim,
    expire,
    forget_files,
    held,
    next_at,
    note_failure,
    refuse,
    settle,
    unused,
)

__all__ = [
    "Errand",
    "Preview",
    "Section",
    "ask",
    "ask_copy",
    "ask_erasure",
    "carry_out",
    "claim",
    "compare",
    "compare_from",
    "decide",
    "dismiss",
    "erase",
    "expire",
    "follow_up",
    "forget_files",
    "give",
    "held",
    "merge",
    "names",
    "next_at",
    "note_failure",
    "preview",
    "refuse",
    "sections",
    "settle",
    "suspect_again",
    "unused",
    "withdraw",
    "write_notice",
]
