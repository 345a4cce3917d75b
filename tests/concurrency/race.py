"""Many callers at once, each in its own thread with its own transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa
from flask import Flask

from engage.kernel.db import Session, db, tenant_scope

T = TypeVar("T")

WAIT = 60  # seconds after which a test has failed; nothing is released by it


def race(app: Flask, tenant_id: int, calls: list[Callable[[Session], T]]) -> list[T | Exception]:
    """Let all calls begin together; give what each returned or was refused with.

    Each call's transaction is open before the first one acts, and is committed when it returns.
    """
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[Session], T], engine: sa.Engine) -> T | Exception:
        with app.app_context(), tenant_scope(tenant_id), engine.connect() as connection:
            session = Session(db, bind=connection, expire_on_commit=False)
            session.info["tenant_id"] = tenant_id
            try:
                with session.begin():
                    session.execute(sa.select(sa.func.now()))
                    ready.wait(WAIT)
                    return call(session)
            except Exception as refusal:  # noqa: BLE001 what the test looks at
                return refusal
            finally:
                session.close()

    with app.app_context():
        engine = sa.create_engine(db.engine.url, pool_size=len(calls), max_overflow=0)
    try:
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls, [engine] * len(calls)))
    finally:
        engine.dispose()
