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
