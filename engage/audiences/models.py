"""What audiences keep: for whom fans speak, as far as audiences ask."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Model, TenantOwned, belongs_to


class AudiencePerson(TenantOwned, Model):
    """Somebody for whom a fan speaks, without name: always computed anew from charts and bindings.

    Narrow, so that a million of them are gone through in an instant. What is unknown is empty, or 0;
    persons of one fan who are alike in all are one row, and of whom nothing is known none.
    """

    __tablename__ = "audience_person"
    __table_args__ = (
        belongs_to("fan", "fan_id", ondelete="CASCADE"),
        sa.Index(None, "tenant_id", "sex", "region", "fan_id", "birth_month"),
    )

    fan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sex: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    region: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    birth_month: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
