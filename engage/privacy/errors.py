"""Refusals of merging, of copies and of erasure."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class SameChart(DomainError):
    """A chart cannot be merged with itself."""

    code = "same_chart"
    title = N_("These are the same chart. Choose another one.")


class AlreadyMerged(DomainError):
    """One of the charts was merged meanwhile."""

    code = "already_merged"
    title = N_("One of these charts was merged meanwhile. Nothing was changed.")


class AppointmentsOverlap(DomainError):
    """Both charts have an appointment at one time."""

    code = "appointments_overlap"
    title = N_("Both charts have an appointment at the same time. Cancel or move one of them first.")


class AppointmentsLeft(DomainError):
    """Appointments to come have to be cancelled before a person is erased."""

    code = "appointments_left"
    title = N_("There are appointments to come. Cancel them first, then erase.")


class WrongNumber(DomainError):
    """What was typed is not the chart's number."""

    code = "wrong_chart_number"
    status = 422
    title = N_("This is not the number of the chart. Nothing was erased.")


class CopyGone(DomainError):
    """The file with the copy was removed, or is not ready yet."""

    code = "copy_gone"
    status = 409
    title = N_("This copy is no longer there. Make a new one.")


class NoticeUnwritten(DomainError):
    """A privacy notice needs words."""

    code = "notice_unwritten"
    status = 422
    title = N_("Please write the privacy notice, at most %(most)s characters.")


class RequestDecided(DomainError):
    """Somebody decided on the request already."""

    code = "request_decided"
    title = N_("This request was decided meanwhile.")
