"""`engage tenant index`: what no migration can write is there after it, also for rows that are older."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from engage.audit.services import OPERATOR
from engage.cli import main, tenants
from engage.fans import queries as fans
from engage.fans import services as fan_services
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries as patients
from engage.patients import services as charts
from engage.patients.services import NewChart
from tests.campaigns.scenes import settle_town
from tests.conftest import Chain

WRITTEN = ("patient_term", "fan_term", "audience_person", "duplicate_key", "duplicate_pair")


def test_older_rows_are_searched_chosen_and_compared(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = settle_town(chain, followers=3)
    now = clock.now()
    with tenant_scope(chain.id), unit_of_work() as work:
        for fan_id in town.fan_ids:
            fan_services.set_remark(work, fan_id, "静水流深", by=OPERATOR, now=now)
        made = [
            charts.create_chart(work, NewChart(name, phone="13912345678", sex="f"), by=OPERATOR, now=now).id
            for name in ("王小红", "王晓红")
        ]
        charts.bind(work, fan_id=town.fan_ids[0], patient_id=made[0], how="desk", by=OPERATOR, now=now)
        for table in WRITTEN:
            work.execute(sa.text(f"delete from {table}"))  # noqa: S608 names of ours
    monkeypatch.setattr(tenants, "quiet_app", lambda: app)
    monkeypatch.setattr(tenants, "FANS_AT_ONCE", 2)
    monkeypatch.setattr(tenants, "COMPARED_AT_ONCE", 1)
    for _ in range(2):  # it may be repeated
        told = CliRunner().invoke(main, ["tenant", "index", chain.slug], catch_exceptions=False).output
        assert "2 charts are searched" in told
        assert "3 fans are searched by name and remark, 1 chosen" in told
        assert "2 charts are compared" in told
        with tenant_scope(chain.id), unit_of_work() as work:
            assert [one.id for one in patients.search(work, "wxh", limit=5)] == made
            assert [one.id for one in fans.search(work, "jsls", limit=5)] == list(town.fan_ids)
            assert work.execute(sa.text("select fan_id, sex from audience_person")).all() == [
                (town.fan_ids[0], "f")
            ]
            pairs = work.execute(sa.text("select first_id, second_id from duplicate_pair")).all()
            assert pairs == [tuple(made)]
