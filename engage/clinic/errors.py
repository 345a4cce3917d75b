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


class DayChanged(DomainError):
    """Somebody else changed a doctor's day meanwhile; carries the `periods` that stand on it now."""

    code = "day_changed"
    title = N_("This day has been changed meanwhile. What you typed is kept: look at it, then save again.")


class ClosureChanged(DomainError):
    """Somebody else changed the closure meanwhile."""

    code = "closure_changed"
    title = N_("This closure has been changed meanwhile. Look at it as it is now, then try again.")


class TooManyPictures(DomainError):
    """A store has as many pictures as it may show."""

    code = "too_many_pictures"
    title = N_("There are %(most)s pictures already. Remove one first.")


class NoTable(DomainError):
    """A file is no table, or a longer one than is read at once; `at_most` says how many lines are."""

    code = "no_table"
    status = 422
    title = N_("This is no Excel or CSV file, or it is too long: at most 5,000 lines and 2 MB.")


class ImportChanged(DomainError):
    """What an import brought has been changed since; it is not taken back any more."""

    code = "import_changed"
    title = N_("What the table brought has been changed since. Nothing was taken back.")


class ImportClash(DomainError):
    """Other shifts of the doctors stand in the way of some `lines` of a table."""

    code = "import_clash"
    title = N_("The doctor has another shift at that time.")
