"""Refusals of automatic replies."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class Stale(DomainError):
    """Somebody else changed it meanwhile."""

    code = "stale"
    title = N_("Somebody changed this reply meanwhile. Please look at it again; what you typed is kept.")


class TooMany(DomainError):
    """An account has so many replies that nobody could keep them in mind."""

    code = "too_many_replies"
    title = N_("An account has at most %(most)s keyword replies. Delete one that is no longer used.")


class OfferOver(DomainError):
    """The coupon is not given any more."""

    code = "offer_over"
    title = N_("This offer has ended.")


class OfferUsedUp(DomainError):
    """All of the coupon were taken."""

    code = "offer_used_up"
    title = N_("All of these coupons have been taken.")


class OfferLimited(DomainError):
    """The person has as many as one may have."""

    code = "offer_limited"
    title = N_("You already have as many of this coupon as one person can have.")
