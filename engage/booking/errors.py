"""Refusals of booking."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class SlotFull(DomainError):
    """Somebody else took the last place; `nearest` lists up to three slots that are free."""

    code = "slot_full"
    title = N_("This time has just been taken. Nothing was booked.")


class NotOpen(DomainError):
    """Nobody is seen then, or it is over, or the visit is longer than what is left of the opening."""

    code = "not_open"
    title = N_("This time cannot be booked. Please choose another.")


class NotOffered(DomainError):
    """Patients book what is offered: the item is off, or not done at this store."""

    code = "not_offered"
    title = N_("The store does not offer this item. Please choose another.")


class TooFar(DomainError):
    """The day is further ahead than patients may book; `days` says how far."""

    code = "too_far"
    title = N_("This day cannot be booked yet. Please choose a nearer one.")


class TooSoon(DomainError):
    """The day is nearer than patients may book by themselves; `first` is the nearest that they may."""

    code = "too_soon"
    title = N_("This day can no longer be booked online. Please choose a later one, or call the clinic.")


class NoSelfBooking(DomainError):
    """The store takes visits at the desk and by telephone alone."""

    code = "no_self_booking"
    title = N_("This store is booked by telephone. Please call the clinic.")


class TooManyOpen(DomainError):
    """The patient, or the fan for all their patients, has as many visits to come as may be booked."""

    code = "too_many_open"
    title = N_("There are several visits booked already. Cancel one of them first, or call the clinic.")


class PatientBusy(DomainError):
    """The patient has another visit at that time, maybe at another store."""

    code = "patient_busy"
    title = N_("This patient has another visit at that time. Please choose another time.")


class KeyReused(DomainError):
    """A repeat came with the key of another booking."""

    code = "key_reused"
    title = N_("This booking was sent before with other details. Please open the page again.")


class Stale(DomainError):
    """The visit was changed meanwhile, in another window or by somebody else."""

    code = "stale"
    title = N_("This visit has been changed meanwhile. Look at it as it is now, then try again.")


class TooLate(DomainError):
    """Patients may not change a visit that is this near; `minutes` says how near."""

    code = "too_late"
    title = N_("It is too late to change this visit here. Please call the clinic.")


class NotPossible(DomainError):
    """The visit is in a state, or at a time, in which this cannot be done."""

    code = "not_possible"
    title = N_("This cannot be done with the visit as it is now.")


class ReasonNeeded(DomainError):
    """Staff who cancel say why."""

    code = "reason_needed"
    status = 422
    title = N_("Please say why.")


class OtherStore(DomainError):
    """Somebody checks in at a store for a visit at another one."""

    code = "other_store"
    title = N_("This visit is at another store.")


class TooEarly(DomainError):
    """Somebody checks in for a visit that is not near yet."""

    code = "too_early"
    title = N_("It is too early to check in for this visit.")


class VisitOver(DomainError):
    """Somebody checks in for a visit whose time is over."""

    code = "visit_over"
    title = N_("The time of this visit is over. Please speak to the front desk.")


class TooManyWishes(DomainError):
    """The patient is on the waiting list as often as may be."""

    code = "too_many_wishes"
    title = N_("This patient is on the waiting list several times already. Take one entry off first.")


class WindowOver(DomainError):
    """The days wished for are over, too far ahead, or none of them is a day of the week that suits."""

    code = "window_over"
    status = 422
    title = N_("None of these days can be waited for. Please choose others.")


class OfferOver(DomainError):
    """An offer of the waiting list was answered, ran out, or was withdrawn."""

    code = "offer_over"
    title = N_("This offer is over. The time has gone to somebody else.")


class OfferStands(DomainError):
    """The wish has an offer that waits for an answer, or its fan has one of another wish."""

    code = "offer_stands"
    title = N_("An offer to this person waits for an answer already.")
