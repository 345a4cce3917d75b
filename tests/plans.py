"""How PostgreSQL finds the rows of a statement that runs past the session."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa

from engage.kernel import db as kernel
from engage.kernel.db import db


def plan_of(statement: sa.Executable) -> list[str]:
    """Give the plan as the statement's connection makes it: nobody has told it a tenant."""
    text, _values = kernel._sql(statement)
    sql, _names = kernel._placed(text)
    pooled = db.engines[kernel.BRIEF].raw_connection()
    try:
        cursor = psycopg.RawCursor(pooled.driver_connection)
        cursor.execute(b"explain (generic_plan) " + sql)
        return [line for (line,) in cursor.fetchall()]
    finally:
        pooled.close()
