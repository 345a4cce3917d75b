"""Refusals of campaigns."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class InThePast(DomainError):
    """A campaign begins later than now: who wants it at once says so."""

    code = "in_the_past"
    title = N_("This time has passed. Please choose a later one.")


class TooFarAhead(DomainError):
    """A campaign so far away is a typing error."""

    code = "too_far_ahead"
    title = N_("At most a year ahead. Please look at the date again.")


class NotOnline(DomainError):
    """Only coupons that are published online are given by campaigns."""

    code = "not_online"
    title = N_("This coupon is not published online. Publish it first, or choose another.")


class OverByThen(DomainError):
    """Nobody could use the coupon any more when it arrives."""

    code = "over_by_then"
    title = N_("The coupon’s last day is before this time. Choose an earlier time, or another coupon.")


class NotPossible(DomainError):
    """The campaign is in a state in which this cannot be done."""

    code = "not_possible"
    title = N_("This cannot be done with the campaign as it is now.")


class SentBefore(DomainError):
    """The form made a campaign before, and now says something else: the way back led to it."""

    code = "sent_before"
    title = N_("This form was sent before, and its campaign is planned. Open a new form for another one.")


class Stale(DomainError):
    """The campaign was changed meanwhile, in another window or by somebody else."""

    code = "stale"
    title = N_("This campaign has been changed meanwhile. Look at it as it is now, then try again.")
