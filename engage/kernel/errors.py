"""Refusals: what a service raises when it cannot do what was asked.

One handler in `engage.app` turns them into problem+json or an error page. `title` says what
happened and what to do, in English as the message id; `data` fills its placeholders and travels
with the problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


def N_(text: str) -> str:  # noqa: N802 the marker's name is gettext's custom
    """Mark a text for translation where it is defined; it is translated where it is shown."""
    return text


class DomainError(Exception):
    """Base of all refusals. Subclasses are named by fact (`SlotFull`) and live with their feature."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = N_("This could not be done.")

    def __init__(self, **data: Any) -> None:
        super().__init__(self.code, data)
        self.data: Mapping[str, Any] = data


class NotFound(DomainError):
    """The thing does not exist, or is not for this caller to see."""

    code = "not_found"
    status = 404
    title = N_("This page does not exist or is not yours to see. Go back and choose again.")


class NotAllowed(DomainError):
    """The caller is known, but this is not theirs to do."""

    code = "not_allowed"
    status = 403
    title = N_("Your role does not allow this. Ask an owner of the clinic for the permission.")


class NotLoggedIn(DomainError):
    """The caller is unknown."""

    code = "not_logged_in"
    status = 401
    title = N_("Please log in to go on.")


class Malformed(DomainError):
    """The request cannot be read."""

    code = "malformed"
    status = 400
    title = N_("The request could not be read.")


class Invalid(DomainError):
    """Fields are wrong; `fields` maps each name to its sentences."""

    code = "invalid"
    status = 422
    title = N_("Please look at the marked fields.")

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        super().__init__(fields=fields)
        self.fields = fields


class Busy(DomainError):
    """A resource is exhausted for the moment; asking again shortly is right."""

    code = "busy"
    status = 503
    title = N_("The system is busy just now. Please try again in a moment.")
