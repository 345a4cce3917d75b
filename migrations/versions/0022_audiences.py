"""What audiences are chosen by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from online import create_index_online, drop_index_online
from walls import owner_column, wall

revision, down_revision = "0022_audiences", "0021_fans_tags"
branch_labels = depends_on = None

# Who follows, with the account, so that a statement of many ids need not read the wide rows.
FOLLOWERS = "ix_fan_followers"

# Charts that are bound now; of regions nothing is known before.
_KNOWN = """
    INSERT INTO audience_person (tenant_id, fan_id, sex, region, birth_month)
    SELECT DISTINCT binding.tenant_id, binding.fan_id,
           coalesce(patient.sex, ''), coalesce(patient.region, ''),
           coalesce(extract(month FROM patient.birth_date), 0)
      FROM binding
      JOIN patient ON patient.tenant_id = binding.tenant_id AND patient.id = binding.patient_id
     WHERE binding.unbound_at IS NULL
       AND (patient.sex IS NOT NULL OR patient.region IS NOT NULL OR patient.birth_date IS NOT NULL)
"""


def upgrade() -> None:
    """Make the table of persons, and write campaigns' audiences as filters."""
    with op.get_context().autocommit_block():
        create_index_online(FOLLOWERS, "fan", ["tenant_id", "id"], include=["account_id"], where="following")
    op.create_table(
        "audience_person",
        owner_column(),
        sa.Column("fan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sex", sa.Text(collation="C"), nullable=False),
        sa.Column("region", sa.Text(collation="C"), nullable=False),
        sa.Column("birth_month", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fan_id"],
            ["fan.tenant_id", "fan.id"],
            name="fk_audience_person_tenant_id_fan_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "fan_id", "sex", "region", "birth_month", name="pk_audience_person"
        ),
    )
    wall("audience_person")
    op.execute(_KNOWN)
    op.create_index(
        "ix_audience_person_tenant_id_sex_region_fan_id_birth_month",
        "audience_person",
        ["tenant_id", "sex", "region", "fan_id", "birth_month"],
    )
    op.execute("""UPDATE campaign SET audience = '{"v": 1}' WHERE audience = '{"who": "all"}'""")


def downgrade() -> None:
    """Drop it; every campaign is one for all again."""
    with op.get_context().autocommit_block():
        drop_index_online(FOLLOWERS, "fan")
    op.execute("""UPDATE campaign SET audience = '{"who": "all"}'""")
    op.drop_table("audience_person")
