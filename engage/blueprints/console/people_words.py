"""How a person is told from others in lists: the chart number and a masked phone, never the whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from flask_babel import gettext

from engage.fans.rules import short_code
from engage.patients.rules import masked

if TYPE_CHECKING:
    from engage.blueprints.guard import Staff
    from engage.patients.models import Patient


def called(person: Patient) -> str:
    """Give a person's name; one whose data was erased has none any more."""
    return str(gettext("Erased")) if person.erased_at else person.name


def described(person: Patient) -> str:
    """Give what stands below a person's name."""
    number = gettext("No. %(number)s", number=person.number)
    return f"{number} · {masked(person.phone)}" if person.phone else str(number)


def shown(staff: Staff, person: Patient) -> dict[str, Any]:
    """Give a person as the head of a drawer shows them, with the way to all about them where it is open."""
    return {
        "id": person.id,
        "name": called(person),
        "sub": described(person),
        "url": url_for("console_people.show", patient_id=person.id) if staff.may("people.view") else "",
    }


def fan_called(nickname: str | None, fan_id: int) -> str:
    """Give what a fan is called; whom WeChat gives no name to, by a code that tells them apart."""
    return nickname or str(gettext("Fan %(code)s", code=short_code(fan_id)))
