"""The directory: which tenant an app id, a log-in, a page's address or a key belongs to.

Read before any tenant is known, so it stands outside the walls; it holds keyed hashes only.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Model, Session
from engage.kernel.errors import N_, DomainError


class Entry(Model):
    """One name and its tenant; a name belongs to one tenant at most."""

    __tablename__ = "directory"

    key: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]


class NameTaken(DomainError):
    """The name belongs to somebody already."""

    code = "name_taken"
    title = N_("This name is taken. Please choose another.")


def enter(session: Session, kind: str, name: str) -> None:
    """Enter a name of the session's tenant; repeating it is no error.

    Raises:
        NameTaken: another tenant has it.
    """
    key = _key(kind, name)
    session.execute(
        sa.dialects.postgresql.insert(Entry)
        .values(key=key, tenant_id=session.tenant_id)
        .on_conflict_do_nothing()
    )
    if session.scalar(sa.select(Entry.tenant_id).where(Entry.key == key)) != session.tenant_id:
        raise NameTaken


def tenant_of(session: Session, kind: str, name: str) -> int | None:
    """Give the tenant of a name."""
    return session.scalar(sa.select(Entry.tenant_id).where(Entry.key == _key(kind, name)))


def _key(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}:{name.strip().lower()}".encode()).hexdigest()
