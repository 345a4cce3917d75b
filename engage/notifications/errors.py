"""What can be refused about messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engage.kernel.errors import N_, DomainError

if TYPE_CHECKING:
    from engage.notifications.fields import Problem


class WrongWording(DomainError):
    """Texts do not fit their keys; `problems` tells of each key why."""

    code = "wrong_wording"
    status = 422
    title = N_("Please look at the marked fields.")

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        super().__init__(keys=sorted(problems))
        self.problems = problems


class NotUnknown(DomainError):
    """What became of the message is known: somebody, or WeChat, was faster."""

    code = "not_unknown"
    title = N_("What became of this message is known by now. Open it again to see.")
