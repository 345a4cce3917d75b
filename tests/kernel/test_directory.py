"""The directory: which tenant a name belongs to."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from engage.kernel import directory
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.directory import Entry, NameTaken
from tests.conftest import Chain


@pytest.fixture
def name() -> str:
    """A name nobody has."""
    return f"name-{uuid.uuid4()}"


def enter(chain: Chain, name: str, kind: str = "login") -> None:
    with tenant_scope(chain.id), unit_of_work() as session:
        directory.enter(session, kind, name)


def find(name: str, kind: str = "login") -> int | None:
    with unit_of_work() as session:
        return directory.tenant_of(session, kind, name)


def test_a_name_is_found_before_any_tenant_is_known(chain: Chain, name: str) -> None:
    assert find(name) is None
    enter(chain, name)
    assert find(name) == chain.id


@pytest.mark.parametrize("written", [str.upper, str.title, "  {} ".format])
def test_a_name_is_found_however_it_is_written(chain: Chain, name: str, written) -> None:
    enter(chain, name)
    assert find(written(name)) == chain.id


def test_entering_it_again_is_no_error(chain: Chain, name: str) -> None:
    enter(chain, name)
    enter(chain, name)
    assert find(name) == chain.id


def test_a_name_belongs_to_one_tenant(chain: Chain, other_chain: Chain, name: str) -> None:
    enter(chain, name)
    with pytest.raises(NameTaken):
        enter(other_chain, name)
    assert find(name) == chain.id


def test_kinds_are_apart(chain: Chain, other_chain: Chain, name: str) -> None:
    enter(chain, name, "login")
    enter(other_chain, name, "app_id")
    assert (find(name, "login"), find(name, "app_id")) == (chain.id, other_chain.id)


def test_it_holds_no_name(chain: Chain, name: str) -> None:
    enter(chain, name)
    with unit_of_work() as session:
        keys = session.scalars(sa.select(Entry.key).where(Entry.tenant_id == chain.id)).all()
    assert keys
    assert all(len(key) == 64 and name not in key for key in keys)
