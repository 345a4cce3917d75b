"""What a patient is asked for when they complete their profile (PT-6), as pure functions and tables."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engage.kernel.errors import N_, Invalid
from engage.patients import rules
from engage.patients.errors import WrongEmail, WrongName

# What a clinic may ask for, by the name under which it stands in the answers.
FIELDS: Final[Mapping[str, str]] = {
    "name": N_("Name"),
    "phone": N_("Mobile number"),
    "sex": N_("Sex"),
    "birth_date": N_("Date of birth"),
    "email": N_("E-mail"),
    "region": N_("Region"),
    "store": N_("Store"),
    "heard": N_("How did you hear of us?"),
    "note": N_("Anything we should know?"),
}

# What a chart keeps as fields of its own; all else is written into its memo.
OF_THE_CHART: Final = ("name", "phone", "sex", "birth_date", "email", "region", "store")

STATES: Final = {
    "waiting": N_("Waiting"),
    "created": N_("Chart made"),
    "attached": N_("Added to a chart"),
    "rejected": N_("Rejected"),
}

OWN_QUESTIONS: Final = 5
OPTIONS: Final = 12
LABEL_LENGTH: Final = 40
TEXT_LENGTH: Final = 200
REASON_LENGTH: Final = 200
OLDEST: Final = 120  # years

_KEY: Final = re.compile(r"q[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked for: of `FIELDS`, or the clinic’s own with a label and perhaps options."""

    key: str
    required: bool = False
    label: str = ""
    options: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is the clinic's own."""
        return self.key not in FIELDS


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked for, in its order; each change of it is a version of its own."""

    version: int
    questions: tuple[Question, ...]

    def asks(self, key: str) -> bool:
        """Whether something is asked for."""
        return any(question.key == key for question in self.questions)


# What is asked for until the clinic says otherwise.
FIRST: Final = Form(
    0,
    (
        Question("name", required=True),
        Question("phone", required=True),
        Question("sex"),
        Question("birth_date"),
        Question("note"),
    ),
)


def new_key() -> str:
    """Give an own question the name under which it is answered."""
    return f"q{secrets.token_hex(4)}"


def designed(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Give a form's questions as they are kept, the name always asked for.

    Raises:
        Invalid: a question is there twice, is unknown, has no label or only one option; or there are
            too many.
    """
    wrong: dict[str, list[str]] = {}
    keys = [question.key for question in questions]
    if len(set(keys)) < len(keys) or not all(key in FIELDS or _KEY.fullmatch(key) for key in keys):
        raise Invalid({"questions": [N_("Each question can be asked once.")]})
    if sum(question.is_own for question in questions) > OWN_QUESTIONS:
        raise Invalid({"questions": [N_("At most five questions of your own.")]})
    kept = []
    for question in questions:
        options = tuple(filter(None, map(rules.tidy, question.options))) if question.is_own else ()
        label = rules.tidy(question.label) if question.is_own else ""
        if question.is_own and not 0 < len(label) <= LABEL_LENGTH:
            wrong[question.key] = [N_("Please write a question of up to 40 characters.")]
        elif options and not 2 <= len(set(options)) == len(options) <= OPTIONS:
            wrong[question.key] = [N_("Please give two to twelve different answers, each on a line.")]
        elif any(len(option) > LABEL_LENGTH for option in options):
            wrong[question.key] = [N_("An answer has at most 40 characters.")]
        kept.append(Question(question.key, question.required or question.key == "name", label, options))
    if wrong:
        raise Invalid(wrong)
    if "name" not in keys:
        kept.insert(0, Question("name", required=True))
    return tuple(kept)


def read(
    form: Form,
    typed: Mapping[str, str],
    *,
    phone: str | None,
    today: dt.date,
    stores: Collection[int],
    regions: Collection[str],
) -> dict[str, str]:
    """Give the answers to a form as they are kept: only what was asked, nothing empty.

    The phone is the one that the fan has proven, never one that was typed.

    Raises:
        Invalid: something that is required is missing, or cannot be so.
    """
    answers: dict[str, str] = {}
    wrong: dict[str, list[str]] = {}
    known = {
        "store": frozenset(map(str, stores)),
        "region": frozenset(regions),
        "sex": frozenset(rules.SEXES),
    }
    for question in form.questions:
        given = phone or "" if question.key == "phone" else rules.tidy(typed.get(question.key, ""))
        trouble = _trouble(question, given, known=known, today=today)
        if trouble:
            wrong[question.key] = [trouble]
        elif given:
            answers[question.key] = rules.mail(given) if question.key == "email" else given
    if wrong:
        raise Invalid(wrong)
    return answers


def _trouble(
    question: Question, given: str, *, known: Mapping[str, frozenset[str]], today: dt.date
) -> str | None:
    """Say what is wrong with an answer, if anything."""
    key = question.key
    if not given:
        return N_("Please fill this in.") if question.required else None
    if key == "name":
        return _refusal(rules.named, given)
    if key == "birth_date":
        return None if _is_birthday(given, today) else N_("Please choose a date of birth.")
    if key == "email":
        return _refusal(rules.mail, given)
    if key in known:
        return None if given in known[key] else N_("Please choose one.")
    if question.options:
        return None if given in question.options else N_("Please choose one.")
    return None if len(given) <= TEXT_LENGTH else N_("At most 200 characters, please.")


def _refusal(check: Callable[[str], object], given: str) -> str | None:
    try:
        check(given)
    except (WrongEmail, WrongName) as refusal:
        return refusal.title
    return None


def _is_birthday(given: str, today: dt.date) -> bool:
    try:
        born = dt.date.fromisoformat(given)
    except ValueError:
        return False
    return born <= today and today.year - born.year <= OLDEST


def to_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Give questions as a row keeps them."""
    return [
        {"key": each.key, "required": each.required, "label": each.label, "options": list(each.options)}
        for each in questions
    ]


def from_json(version: int, questions: Sequence[Mapping[str, Any]]) -> Form:
    """Give a form as a row keeps it."""
    return Form(
        version,
        tuple(
            Question(each["key"], each["required"], each["label"], tuple(each["options"]))
            for each in questions
        ),
    )
