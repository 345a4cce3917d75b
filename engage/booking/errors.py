"""Refusals of booking."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class SlotFull(DomainError):
    """Somebody else took the last place; `nearest` lists up to three slots that are free."""

    code = "slot_full"
    title = N_("This time has just been taken. Nothing was booked.")


class NotOpen(DomainError):
    """The doctor does not see patients then, or it is over."""

    code = "not_open"
    title = N_("This time cannot be booked. Please choose another.")


class KeyReused(DomainError):
    """A repeat came with the key of another booking."""

    code = "key_reused"
    title = N_("This booking was sent before with other details. Please open the page again.")
