"""What a profile asks for (PT-6), as pure functions: a form that can be asked, answers that can be kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from engage.kernel.errors import Invalid
from engage.patients import profiles
from engage.patients.profiles import FIELDS, FIRST, Form, Question

TODAY = dt.date(2026, 11, 22)
PETS = Question("q0000000a", label="您养宠物吗", options=("养", "不养"))


def read(*questions: Question, phone: str | None = None, **typed: str) -> dict[str, str]:
    return profiles.read(
        Form(1, questions), typed, phone=phone, today=TODAY, stores=[7], regions=["31", "other"]
    )


def wrong(*questions: Question, **typed: str) -> dict[str, Any]:
    with pytest.raises(Invalid) as refusal:
        read(*questions, **typed)
    return dict(refusal.value.fields)


def test_everything_that_can_be_asked_can_be_kept() -> None:
    asked = [Question(key) for key in FIELDS]
    typed = {
        "name": " 王  小红 ",
        "sex": "f",
        "birth_date": "1990-02-28",
        "email": "Wang@Example.COM",
        "region": "31",
        "store": "7",
        "heard": "朋友介绍",
        "note": "青霉素过敏",
    }
    kept = read(*asked, PETS, phone="+8613800001234", q0000000a="不养", **typed)
    tidied = {"name": "王 小红", "email": "wang@example.com", "phone": "+8613800001234"}
    assert kept == typed | tidied | {"q0000000a": "不养"}


def test_what_was_not_asked_or_is_empty_is_not_kept() -> None:
    assert read(Question("name"), Question("note"), name="王小红", note="  ", email="a@b.cn") == {
        "name": "王小红"
    }


def test_a_phone_that_was_typed_counts_for_nothing() -> None:
    assert read(Question("phone"), phone=None, name="x") == {}


@pytest.mark.parametrize(
    ("question", "typed"),
    [
        (Question("name", required=True), ""),
        (Question("note", required=True), "   "),
        (Question("name"), "王" * 41),
        (Question("sex"), "x"),
        (Question("birth_date"), "2026-11-23"),
        (Question("birth_date"), "1890-01-01"),
        (Question("birth_date"), "30.2.1990"),
        (Question("email"), "wang@"),
        (Question("region"), "99"),
        (Question("store"), "8"),
        (Question("note"), "字" * 201),
        (PETS, "也许"),
    ],
)
def test_an_answer_that_cannot_be_so_is_refused_at_its_field(question: Question, typed: str) -> None:
    assert list(wrong(question, **{question.key: typed})) == [question.key]


def test_a_required_phone_that_nobody_proved_is_missing() -> None:
    assert list(wrong(Question("phone", required=True))) == ["phone"]


def test_a_form_always_asks_for_the_name() -> None:
    assert profiles.designed([Question("note")]) == (Question("name", required=True), Question("note"))
    assert profiles.designed([Question("note"), Question("name")])[1] == Question("name", required=True)


@pytest.mark.parametrize(
    "questions",
    [
        [Question("note"), Question("note")],
        [Question("salary")],
        [Question("q0000000a", label=" ")],
        [Question("q0000000a", label="字" * 41)],
        [Question("q0000000a", label="?", options=("一",))],
        [Question("q0000000a", label="?", options=("一", "一"))],
        [Question("q0000000a", label="?", options=("一", "字" * 41))],
        [Question(f"q0000000{number}", label="?") for number in range(6)],
    ],
)
def test_a_form_that_cannot_be_asked_is_refused(questions: list[Question]) -> None:
    with pytest.raises(Invalid):
        profiles.designed(questions)


def test_a_form_is_kept_as_it_is() -> None:
    kept = profiles.designed([*FIRST.questions, PETS])
    assert profiles.from_json(3, profiles.to_json(kept)) == Form(3, kept)
