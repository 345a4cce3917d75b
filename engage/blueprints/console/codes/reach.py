"""Which codes somebody may see: all of them, or those of their stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engage.blueprints.console.codes.blueprint import MANAGE
from engage.blueprints.guard import Staff
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.qrcodes import queries

if TYPE_CHECKING:
    from engage.qrcodes.models import ChannelCode


def visible(work: Session, staff: Staff, code_id: int) -> ChannelCode:
    """Give a code that the person may see.

    Raises:
        NotFound: there is none, or it is another store's.
    """
    code, scope = queries.code(work, code_id), staff.reach(MANAGE)
    if not scope.everywhere and (code.store_id is None or not scope.holds(code.store_id)):
        raise NotFound(channel_code=code_id)
    return code


def shown_stores(staff: Staff) -> frozenset[int] | None:
    """Give the stores whose codes a list shows, narrowed to the one chosen in the top bar; None is all."""
    scope = staff.scope(MANAGE)
    return None if scope.everywhere else scope.store_ids


def may_change(staff: Staff) -> bool:
    """Whether the person may make and change codes: for all stores share them."""
    return staff.reach(MANAGE).everywhere
