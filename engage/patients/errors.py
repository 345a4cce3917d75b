"""Refusals about patients."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class WrongPhone(DomainError):
    """No such number can exist, or no text message reaches it."""

    code = "wrong_phone"
    status = 422
    title = N_("This is not a mobile number. Please check it.")


class WrongName(DomainError):
    """A name is missing, or longer than a name is."""

    code = "wrong_name"
    status = 422
    title = N_("Please give a name of up to 40 characters.")


class TooManyCharts(DomainError):
    """So many charts have the fan's phone that another is hardly one more of the family."""

    code = "too_many_charts"
    title = N_("Nobody else can be added with this phone. Please call us.")


class CodeTooSoon(DomainError):
    """A code was sent to this number just now; `seconds` says how long to wait."""

    code = "code_too_soon"
    status = 429
    title = N_("A code was sent just now. Please wait %(seconds)s seconds for the next.")


class TooManyCodes(DomainError):
    """The number, or the address that asks, has had its codes of the day."""

    code = "too_many_codes"
    status = 429
    title = N_("No more codes today. Please try again tomorrow or call us.")


class PhoneNotVerified(DomainError):
    """The fan has proven no phone yet."""

    code = "phone_not_verified"
    title = N_("Please verify your phone first.")
