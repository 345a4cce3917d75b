"""Refusals of coupons."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class Stale(DomainError):
    """The coupon was changed meanwhile, in another window or by somebody else."""

    code = "coupon_stale"
    title = N_("This coupon has been changed meanwhile. Look at it as it is now, then try again.")


class NotADraft(DomainError):
    """Only a draft is published; a coupon that was withdrawn stays withdrawn."""

    code = "coupon_not_a_draft"
    title = N_("This coupon is not a draft any more.")


class NotPublished(DomainError):
    """Only what is published can be withdrawn."""

    code = "coupon_not_published"
    title = N_("This coupon is not published.")


class Withdrawn(DomainError):
    """A withdrawn coupon is not changed any more."""

    code = "coupon_withdrawn"
    title = N_("This coupon is withdrawn and cannot be changed. Make a new one.")


class NowhereToPublish(DomainError):
    """A coupon is published online, at the desk, or both."""

    code = "coupon_nowhere"
    status = 422
    title = N_("Choose where the coupon is published.")


class Over(DomainError):
    """The last day of the coupon is past, so nobody could use it."""

    code = "coupon_over"
    title = N_("The coupon's last day is past. Change its dates first.")


class BelowGranted(DomainError):
    """The stock cannot be less than what was given out; `granted` says how many."""

    code = "coupon_below_granted"
    title = N_("%(granted)s of this coupon are given out already. The stock cannot be less.")


class KindFixed(DomainError):
    """What was published keeps its kind."""

    code = "coupon_kind_fixed"
    title = N_("A published coupon keeps its kind. Make a new one.")


class Refused(DomainError):
    """A coupon cannot be redeemed; its subclasses say why."""


class UnknownCode(Refused):
    """Nobody holds a coupon with this code."""

    code = "coupon_unknown_code"
    status = 404
    title = N_("There is no coupon with this code. Check the letters, or scan it again.")


class Redeemed(Refused):
    """The coupon was used before; `grant_id` says which."""

    code = "coupon_redeemed"
    title = N_("This coupon has been used already.")


class Expired(Refused):
    """The coupon's time is over."""

    code = "coupon_expired"
    title = N_("This coupon has expired.")


class NotYet(Refused):
    """The coupon's time has not begun."""

    code = "coupon_not_yet"
    title = N_("This coupon is not valid yet.")


class Voided(Refused):
    """The coupon was taken back."""

    code = "coupon_voided"
    title = N_("This coupon is void.")


class OtherStore(Refused):
    """The coupon is for other stores."""

    code = "coupon_other_store"
    title = N_("This coupon cannot be used at this store.")
