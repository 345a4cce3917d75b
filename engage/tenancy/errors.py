"""Refusals of tenants and staff."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class WrongLogin(DomainError):
    """Unknown log-in, wrong password or disabled: never told which."""

    code = "wrong_login"
    status = 401
    title = N_("The log-in or the password is wrong. Check both and try again.")


class LockedOut(DomainError):
    """Too many wrong passwords in a row."""

    code = "locked_out"
    status = 429
    title = N_("Too many wrong passwords. Please try again in %(minutes)s minutes.")


class LastOwner(DomainError):
    """A chain keeps at least one active owner."""

    code = "last_owner"
    title = N_("This is the chain's last owner. Make somebody else an owner first.")


class WeakPassword(DomainError):
    """The password is too short."""

    code = "weak_password"
    status = 422
    title = N_("Please choose a password of at least %(minimum)s characters.")


class WrongCode(DomainError):
    """The code of the second factor is wrong, was used, or its time is over."""

    code = "wrong_code"
    status = 422
    title = N_("This code is wrong or was used. Wait for the next one in your app and type that.")


class SecondFactorIsOn(DomainError):
    """The person has a second factor already."""

    code = "second_factor_is_on"
    title = N_("Your log-in asks for a second factor already.")
