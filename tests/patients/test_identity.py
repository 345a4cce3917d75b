"""Who is the same person (ADR 0013): the table of cases, and what holds of all."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.audit.services import OPERATOR
from engage.kernel import sealing
from engage.patients import queries, services
from engage.patients.identity import PURPOSES, Known, keys, same
from tests.patients.scenes import NOW, STORED, chart, prove

MUM, DAD, CHILD = 1, 2, 3

# What it is about, what is known of one, of the other → the same by what counts a person, and by what
# counts an act (following, scanning).
CASES = [
    ("nothing is known of either", Known(7), Known(8), False, False),
    ("one fan, before and after it proved a phone", Known(7), Known(7, phones={"a"}), True, True),
    ("one fan who left and follows again", Known(7), Known(7), True, True),
    ("two who proved one phone, unbound", Known(7, phones={"a"}), Known(8, phones={"a"}), True, False),
    ("two phones of two people", Known(7, phones={"a"}), Known(8, phones={"b"}), False, False),
    ("one WeChat on two accounts, unbound", Known(7, "u"), Known(8, "u"), True, False),
    ("two WeChats", Known(7, "u"), Known(8, "v"), False, False),
    (
        "one patient with a fan on each of two accounts",
        Known(7, patient_ids={MUM}),
        Known(8, patient_ids={MUM}),
        True,
        True,
    ),
    (
        "mother and father, each with a chart of their own",
        Known(7, phones={"a"}, patient_ids={MUM}),
        Known(8, phones={"b"}, patient_ids={DAD}),
        False,
        False,
    ),
    (
        "both parents speak for the child",
        Known(7, phones={"a"}, patient_ids={MUM, CHILD}),
        Known(8, phones={"b"}, patient_ids={DAD, CHILD}),
        True,
        True,
    ),
    (
        "the child's own WeChat, bound to its chart, and the mother's",
        Known(9, patient_ids={CHILD}),
        Known(7, patient_ids={MUM, CHILD}),
        True,
        True,
    ),
    (
        "bound, and unbound with one phone",
        Known(7, phones={"a"}, patient_ids={MUM}),
        Known(8, phones={"a"}),
        True,
        False,
    ),
    (
        "one fan, bound to another chart than before",
        Known(7, patient_ids={MUM}),
        Known(7, patient_ids={DAD}),
        True,
        True,
    ),
    (
        "a chart that one gave up and another took over",
        Known(7),
        Known(8, patient_ids={MUM}),
        False,
        False,
    ),
]


@pytest.mark.parametrize(
    ("_case", "one", "other", "a_person", "an_act"), CASES, ids=[case[0] for case in CASES]
)
def test_who_is_the_same(_case, one, other, a_person, an_act):
    for purpose in ("registration", "binding", "profile"):
        assert same(one, other, purpose) is a_person
    for purpose in ("follow", "scan"):
        assert same(one, other, purpose) is an_act


names = st.sampled_from("abcd")
few = st.integers(1, 4)
knowns = st.builds(
    Known, few, st.none() | names, st.frozensets(names, max_size=2), st.frozensets(few, max_size=3)
)
purposes = st.sampled_from(sorted(PURPOSES))


@given(knowns, knowns, purposes)
def test_it_is_symmetric_and_everybody_is_themselves(one, other, purpose):
    assert same(one, one, purpose)
    assert same(one, other, purpose) is same(other, one, purpose)


@given(knowns, purposes, few, names)
def test_whatever_becomes_known_takes_no_key_away(known, purpose, patient_id, word):
    """So that a limit that was counted before a binding, a phone or a unionid still counts after it."""
    bound = dataclasses.replace(known, patient_ids=known.patient_ids | {patient_id})
    proven = dataclasses.replace(known, phones=known.phones | {word})
    assert keys(known, purpose) <= keys(bound, purpose)
    assert keys(known, purpose) <= keys(proven, purpose)
    if known.unionid is None:
        assert keys(known, purpose) <= keys(dataclasses.replace(known, unionid=word), purpose)


@given(knowns, knowns, purposes, few)
def test_a_binding_parts_nobody(one, other, purpose, patient_id):
    bound = dataclasses.replace(one, patient_ids=one.patient_ids | {patient_id})
    assert same(bound, other, purpose) or not same(one, other, purpose)


@given(knowns, purposes)
def test_a_fan_alone_is_told_by_itself(known, purpose):
    assert f"fan:{known.fan_id}" in keys(known, purpose)


def test_what_is_known_of_fans_comes_from_the_rows(people, session, count_queries):
    one, other = people.fan_ids
    prove(session, one)
    mine = chart(session)
    services.bind(session, fan_id=one, patient_id=mine.id, how="desk", by=OPERATOR, now=NOW)
    given_up = chart(session, "张三", phone=None)
    services.bind(session, fan_id=other, patient_id=given_up.id, how="desk", by=OPERATOR, now=NOW)
    services.unbind(session, fan_id=other, patient_id=given_up.id, by=OPERATOR, now=NOW)
    with count_queries() as counted:
        known = queries.known_of(session, people.fan_ids)
    assert counted.n == 3
    assert known[one] == Known(one, None, frozenset({sealing.index(STORED).hex()}), frozenset({mine.id}))
    assert known[other] == Known(other)


def test_a_key_never_tells_a_phone(people, session):
    prove(session, people.fan_ids[0])
    known = queries.known_of(session, people.fan_ids[:1])[people.fan_ids[0]]
    assert not any(STORED[-8:] in key for key in keys(known))
