"""Refusals of channel codes."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class Stale(DomainError):
    """The code was changed meanwhile, in another window or by somebody else."""

    code = "channel_code_stale"
    title = N_("This code has been changed meanwhile. Look at it as it is now, then try again.")


class HasCode(DomainError):
    """A store has one code of an account; `code_id` says which."""

    code = "channel_code_of_store"
    title = N_("This store has a code already. Change that one, or retire it first.")


class GivenAway(DomainError):
    """The scene of a retired code leads to another one by now."""

    code = "channel_code_given_away"
    title = N_("This code cannot be taken back into use: its picture leads to another code by now.")


class NotMade(DomainError):
    """There is no picture: WeChat has not made the code yet, or its last one is over."""

    code = "channel_code_not_made"
    title = N_("WeChat has not made this code yet. Please wait a moment.")


class TooMany(DomainError):
    """More pictures were asked for at once than are made."""

    code = "channel_code_too_many"
    status = 422
    title = N_("Please choose up to %(most)s codes at a time.")
