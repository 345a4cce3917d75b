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


class WrongEmail(DomainError):
    """This is no e-mail address."""

    code = "wrong_email"
    status = 422
    title = N_("This is not an e-mail address. Please check it.")


class StaleChart(DomainError):
    """The chart was changed meanwhile, in another window or by somebody else."""

    code = "chart_stale"
    title = N_("This chart has been changed meanwhile. Look at it as it is now, then try again.")


class ChartMoved(DomainError):
    """The chart was merged into another, which is the one to change; `number` is that one's."""

    code = "chart_moved"
    title = N_("This chart was merged into No. %(number)s. Please open that one.")


class ChartErased(DomainError):
    """What was known of the person was erased; nothing is written there again."""

    code = "chart_erased"
    title = N_("This chart was erased. Please make a new one.")


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


class TicketUsed(DomainError):
    """Somebody used the code at the desk before."""

    code = "ticket_used"
    title = N_("This code has been used. Please ask the desk for a new one.")


class TicketOver(DomainError):
    """The code at the desk was shown too long ago."""

    code = "ticket_over"
    title = N_("This code is too old. Please ask the desk for a new one.")


class FormStale(DomainError):
    """What patients are asked for was changed meanwhile by somebody else."""

    code = "profile_form_stale"
    title = N_("The form has been changed meanwhile. Look at it as it is now, then try again.")


class ProfileDecided(DomainError):
    """Somebody decided on the profile before; `name` says who."""

    code = "profile_decided"
    title = N_("%(name)s has decided on this profile already.")


class ProfileChanged(DomainError):
    """The patient handed it in again meanwhile, with other answers."""

    code = "profile_changed"
    title = N_("The patient has changed the profile meanwhile. Look at it again, then decide.")


class NoReason(DomainError):
    """A rejection without a reason, or with one that is too long."""

    code = "no_reason"
    status = 422
    title = N_("Please write the reason in up to 200 characters; the patient reads it.")
