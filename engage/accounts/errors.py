"""Refusals of official accounts; `field` is the form's field that they are about."""

from __future__ import annotations

from typing import ClassVar

from engage.kernel.errors import N_, DomainError


class AccountRefused(DomainError):
    """Base of what stands in the way of an account."""

    field: ClassVar[str]


class AppIdTaken(AccountRefused):
    """The official account is connected already, here or to another chain: never told which."""

    code = "app_id_taken"
    field = "app_id"
    title = N_("This official account is already connected. Check the app ID, or ask who connected it.")


class AddressTaken(AccountRefused):
    """The address of patient pages belongs to another account."""

    code = "address_taken"
    field = "slug"
    title = N_("This address is taken. Please choose another.")


class StoreTaken(AccountRefused):
    """A store has one account at most (OA-1)."""

    code = "store_taken"
    field = "store"
    title = N_("This store has an official account already.")
