"""Staff's tasks, reminders of visits, and what is told in calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_index_online, drop_index_online
from walls import owner_column, wall

revision, down_revision = "0033_keeping", "0032_waiting"
branch_labels = depends_on = None

REBOOKED = "ix_appointment_tenant_id_rebooked_from_id"


def upgrade() -> None:
    """Make the tables; visits that are to come get their ladder from the worker."""
    with op.get_context().autocommit_block():  # the index is built while others book
        op.execute("ALTER TABLE appointment ADD COLUMN IF NOT EXISTS rebooked_from_id bigint")
        create_index_online(
            REBOOKED, "appointment", ["tenant_id", "rebooked_from_id"], where="rebooked_from_id IS NOT NULL"
        )
    _widen()
    _make_task()
    _make_script()
    _make_welcome()
    _make_touch()
    for table in ("task", "task_script", "store_welcome", "appointment_touch"):
        wall(table)
    _plan_what_is_to_come()


def downgrade() -> None:
    """Drop them."""
    with op.get_context().autocommit_block():
        drop_index_online(REBOOKED, "appointment")
    for table in ("appointment_touch", "store_welcome", "task_script", "task"):
        op.drop_table(table)
    op.drop_column("item", "why")
    op.drop_constraint("fk_appointment_tenant_id_rebooked_from_id", "appointment")
    op.drop_column("appointment", "rebooked_from_id")
    op.drop_column("appointment", "agreed_version")
    op.drop_column("appointment", "moved_at")


def _widen() -> None:
    op.add_column("item", sa.Column("why", sa.Text(), server_default="", nullable=False))
    op.add_column("appointment", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "appointment", sa.Column("agreed_version", sa.Integer(), server_default="1", nullable=False)
    )
    op.execute("UPDATE appointment SET agreed_version = version WHERE version > 1 AND ends_at > now()")
    op.create_foreign_key(
        "fk_appointment_tenant_id_rebooked_from_id",
        "appointment",
        "appointment",
        ["tenant_id", "rebooked_from_id"],
        ["tenant_id", "id"],
    )


def _make_task() -> None:
    op.create_table(
        "task",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_version", sa.Integer(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('open', 'done', 'void')", name="ck_task_state_known"),
        sa.CheckConstraint("(state = 'open') = (done_at IS NULL)", name="ck_task_over_has_time"),
        sa.CheckConstraint("(state = 'done') = (outcome IS NOT NULL)", name="ck_task_done_has_outcome"),
        sa.CheckConstraint("(assignee_id IS NULL) = (assigned_at IS NULL)", name="ck_task_taken_has_time"),
        _to("store", "task", "store_id"),
        _to("patient", "task", "patient_id"),
        _to("staff", "task", "assignee_id"),
        _to("staff", "task", "done_by"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_task"),
        sa.UniqueConstraint(
            "tenant_id",
            "kind",
            "subject_kind",
            "subject_id",
            "subject_version",
            name="uq_task_tenant_id_kind_subject_kind_subject_id_subject_version",
        ),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "ix_task_tenant_id_subject_kind_subject_id", "task", ["tenant_id", "subject_kind", "subject_id"]
    )
    op.create_index("ix_task_open", "task", ["tenant_id", "due_at", "id"], postgresql_where=is_open)
    op.create_index(
        "ix_task_open_store", "task", ["tenant_id", "store_id", "due_at", "id"], postgresql_where=is_open
    )
    op.create_index(
        "ix_task_over", "task", ["tenant_id", "done_at", "id"], postgresql_where=sa.text("state <> 'open'")
    )
    op.create_index(
        "ix_task_tenant_id_patient_id_id",
        "task",
        ["tenant_id", "patient_id", "id"],
        postgresql_where=sa.text("patient_id IS NOT NULL"),
    )


def _make_script() -> None:
    op.create_table(
        "task_script",
        owner_column(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", name="pk_task_script"),
    )


def _make_welcome() -> None:
    op.create_table(
        "store_welcome",
        owner_column(),
        sa.Column("store_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ask_for", sa.Text(), nullable=False),
        sa.Column("bring", sa.Text(), nullable=False),
        _to("store", "store_welcome", "store_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "store_id", name="pk_store_welcome"),
    )


def _make_touch() -> None:
    op.create_table(
        "appointment_touch",
        owner_column(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'done', 'dropped')", name="ck_appointment_touch_touch_state_known"
        ),
        _to("appointment", "appointment_touch", "appointment_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_appointment_touch"),
        sa.UniqueConstraint(
            "tenant_id",
            "appointment_id",
            "version",
            "kind",
            name="uq_appointment_touch_tenant_id_appointment_id_version_kind",
        ),
    )
    op.create_index(
        "ix_appointment_touch_tenant_id_queue_available_at",
        "appointment_touch",
        ["tenant_id", "queue", "available_at"],
        postgresql_where=sa.text("available_at IS NOT NULL"),
    )


def _plan_what_is_to_come() -> None:
    """Let the worker find the rungs of visits that were booked before there were any."""
    op.execute(
        "INSERT INTO appointment_touch"
        " (tenant_id, queue, available_at, appointment_id, version, kind, at, state)"
        " SELECT tenant_id, 'reminders', now(), id, agreed_version, 'plan', now(), 'planned' FROM appointment"
        " WHERE state = 'confirmed' AND ends_at > now()"
    )
    op.execute(
        "INSERT INTO due (tenant_id, queue, at)"
        " SELECT DISTINCT tenant_id, 'reminders', now() FROM appointment_touch"
    )


def _to(table: str, owner: str, column: str, **options: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{owner}_tenant_id_{column}",
        **options,
    )
