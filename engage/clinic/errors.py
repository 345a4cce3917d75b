"""Refusals of setting up the clinic."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class SlugTaken(DomainError):
    """Another store of the chain has the short address."""

    code = "slug_taken"
    title = N_("Another store has this short address. Please choose a different one.")


class CategoryInUse(DomainError):
    """A category goes only when no item stands below it."""

    code = "category_in_use"
    title = N_("There are items in this category. Move or remove them first.")


class DoctorElsewhere(DomainError):
    """A doctor is never at two places at once."""

    code = "doctor_elsewhere"
    title = N_("The doctor has another shift at that time.")
