"""Roles × stores as a table of cases."""

from __future__ import annotations

import pytest

from engage.tenancy.rules import (
    PERMISSIONS,
    ROLES,
    Grant,
    StoreScope,
    is_permitted,
    owners_left,
    store_scope,
)

EVERYWHERE = StoreScope(True)
NOWHERE = StoreScope(False)


def at(*store_ids: int) -> StoreScope:
    return StoreScope(False, frozenset(store_ids))


KNOWS_FANS = {"fans.view", "fans.manage"}
SELLS = KNOWS_FANS | {
    "accounts.view",
    "campaigns.manage",
    "codes.manage",
    "coupons.manage",
    "fans.export",
    "replies.manage",
    "tags.manage",
}
ANSWERS = KNOWS_FANS | {"chats.view", "chats.answer", "coupons.redeem"}
SEES_VISITS = {"self", "appointments.view", "appointments.treat", "people.view", "people.reveal"}
KEEPS_THE_BOOK = SEES_VISITS | {"appointments.manage", "people.manage", "tasks.work"}
RUNS_THE_CLINIC = (
    KEEPS_THE_BOOK
    | SELLS
    | {
        "chats.view",
        "coupons.redeem",
        "clinic.manage",
        "menu.manage",
        "notifications.manage",
        "notifications.view",
        "people.merge",
        "privacy.manage",
        "reports.view",
        "staff.view",
    }
)


@pytest.mark.parametrize(
    ("role", "permitted"),
    [
        (
            "owner",
            RUNS_THE_CLINIC
            | {"staff.manage", "operations.view", "accounts.manage", "journal.view", "audit.view"},
        ),
        ("manager", RUNS_THE_CLINIC),
        ("marketer", {"self"} | SELLS),
        ("desk", KEEPS_THE_BOOK | ANSWERS | {"notifications.view"}),
        ("consultant", KEEPS_THE_BOOK | ANSWERS),
        ("agent", KEEPS_THE_BOOK | ANSWERS),
        ("doctor", SEES_VISITS),
        ("coordinator", KEEPS_THE_BOOK | {"chats.view", "fans.view", "reports.view"}),
        ("chief", SEES_VISITS | {"fans.view", "reports.view"}),
        ("accountant", {"self"}),
    ],
)
def test_what_each_role_permits(role, permitted):
    assert {permission for permission in PERMISSIONS if is_permitted([Grant(role)], permission)} == permitted


def test_permissions_name_known_roles_only():
    assert frozenset().union(*PERMISSIONS.values()) == frozenset(ROLES)


def test_nobody_without_a_role_may_do_anything():
    assert not any(is_permitted([], permission) for permission in PERMISSIONS)


@pytest.mark.parametrize(
    ("grants", "permission", "chosen", "scope"),
    [
        ([], "appointments.view", None, NOWHERE),
        ([Grant("desk")], "appointments.view", None, EVERYWHERE),
        ([Grant("desk")], "appointments.view", 1, at(1)),
        ([Grant("desk", 1)], "appointments.view", None, at(1)),
        ([Grant("desk", 1), Grant("desk", 2)], "appointments.view", None, at(1, 2)),
        ([Grant("desk", 1), Grant("desk", 2)], "appointments.view", 2, at(2)),
        ([Grant("desk", 1)], "appointments.view", 2, NOWHERE),
        ([Grant("desk", 1), Grant("marketer")], "appointments.view", None, at(1)),
        ([Grant("desk", 1), Grant("marketer", 2)], "appointments.view", 2, NOWHERE),
        ([Grant("desk", 1), Grant("doctor")], "appointments.view", None, StoreScope(True, frozenset({1}))),
        ([Grant("manager", 1)], "staff.manage", None, NOWHERE),
        ([Grant("manager", 1), Grant("owner")], "staff.manage", None, EVERYWHERE),
    ],
)
def test_stores_at_which_it_is_permitted(grants, permission, chosen, scope):
    assert store_scope(grants, permission, chosen) == scope


@pytest.mark.parametrize(
    ("scope", "store_id", "held"),
    [(EVERYWHERE, 7, True), (at(1, 2), 2, True), (at(1, 2), 3, False), (NOWHERE, 1, False)],
)
def test_a_row_is_shown_at_its_stores(scope, store_id, held):
    assert scope.holds(store_id) is held


@pytest.mark.parametrize(
    ("owners", "without", "left"),
    [({1}, 1, False), ({1, 2}, 1, True), ({1}, 2, True), (set(), 1, False)],
)
def test_owners_left(owners, without, left):
    assert owners_left(owners, without=without) is left
