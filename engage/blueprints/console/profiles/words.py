"""A profile in words: what was asked, what was answered, what differs from a chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_babel import gettext

from engage.blueprints.console.people_words import called, described
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.patients import profiles, rules, services, waiting

if TYPE_CHECKING:
    from engage.patients.models import Patient, ProfileSubmission
    from engage.patients.profiles import Form, Question

TONES: Final = {"waiting": "waiting", "created": "good", "attached": "good", "rejected": "ended"}

# Under which name a chart keeps an answer, where it is another.
_COLUMNS: Final = {"store": "store_id"}


def answers(session: Session, row: ProfileSubmission) -> list[dict[str, str]]:
    """Give each question that was asked with its answer."""
    given, stores = waiting.answers(row), _stores(session)
    return [
        {"label": labelled(question), "value": worded(question.key, given.get(question.key, ""), stores)}
        for question in _form(session, row).questions
    ]


def memo(session: Session, row: ProfileSubmission) -> str:
    """Give what a chart has no field for, question by question."""
    given = waiting.answers(row)
    lines = [
        f"{labelled(question)} {given[question.key]}"
        for question in _form(session, row).questions
        if question.key in given and question.key not in profiles.OF_THE_CHART
    ]
    return "\n".join(lines)


def candidates(
    session: Session, row: ProfileSubmission, charts: Sequence[Patient], bound: frozenset[int]
) -> list[dict[str, Any]]:
    """Give charts to which a profile may be added, with what differs between the two."""
    given, stores = waiting.answers(row), _stores(session)
    return [
        {
            "id": chart.id,
            "name": called(chart),
            "sub": described(chart),
            "is_bound": chart.id in bound,
            "conflicts": [
                {
                    "key": key,
                    "label": gettext(profiles.FIELDS[key]),
                    "old": worded(key, _kept(chart, key), stores),
                    "new": worded(key, given[key], stores),
                }
                for key in services.conflicts(chart, given)
            ],
        }
        for chart in charts
    ]


def labelled(question: Question) -> str:
    """Give what is asked, in the language of the page; the clinic's own questions as it wrote them."""
    return question.label if question.is_own else gettext(profiles.FIELDS[question.key])


def worded(key: str, value: str, stores: Mapping[str, str]) -> str:
    """Give an answer as it is read; a phone never whole."""
    if not value:
        return ""
    if key == "phone":
        return rules.masked(value)
    known = {"sex": rules.SEXES, "region": rules.REGIONS}.get(key)
    if known is not None:
        return gettext(known[value]) if value in known else value
    return stores.get(value, value) if key == "store" else value


def _form(session: Session, row: ProfileSubmission) -> Form:
    return waiting.forms(session, [row.form_version])[row.form_version]


def _stores(session: Session) -> Mapping[str, str]:
    return {str(store.id): store.short_name for store in clinic.stores(session)}


def _kept(chart: Patient, key: str) -> str:
    value = getattr(chart, _COLUMNS.get(key, key))
    return value.isoformat() if isinstance(value, dt.date) else str(value or "")
