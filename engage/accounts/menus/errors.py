"""Refusals of menus."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class Stale(DomainError):
    """The draft was changed meanwhile, in another window or by somebody else."""

    code = "menu_stale"
    title = N_("This menu has been changed meanwhile. What you see now is its newest draft.")


class Publishing(DomainError):
    """A menu of the account is on its way to WeChat."""

    code = "menu_publishing"
    title = N_("A menu is being published just now. Please look again in two minutes.")


class NotReady(DomainError):
    """Something in the draft must be put right before it can be published."""

    code = "menu_not_ready"
    status = 422
    title = N_("The menu cannot be published as it is. Please look at the marked entries.")


class ChangedElsewhere(DomainError):
    """WeChat shows another menu than the one that the person compared with."""

    code = "menu_changed_elsewhere"
    title = N_("The menu was changed at WeChat meanwhile. Nothing was published; please compare again.")
