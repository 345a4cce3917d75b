"""How Alembic runs a migration: as the owner, one transaction each, never waiting long for a lock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context


def run() -> None:
    """Migrate over the connection that `engage.kernel.migrations` put into the configuration."""
    connection: sa.Connection = context.config.attributes["connection"]
    connection.execute(sa.text("set lock_timeout = '4s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata"),
        transaction_per_migration=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
