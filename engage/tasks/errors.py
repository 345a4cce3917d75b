"""What can be refused about tasks."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class TaskOver(DomainError):
    """Somebody else has done it, or there is nothing to do any more."""

    code = "task_over"
    title = N_("Somebody was faster, or there is nothing to do here any more.")


class OutcomeNeeded(DomainError):
    """A task ends with what came of it; some of it needs words."""

    code = "outcome_needed"
    status = 422
    title = N_("Please say what came of it, and why.")
