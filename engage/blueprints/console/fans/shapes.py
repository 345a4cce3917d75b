"""Fans as lists and drawers show them, read in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import url_for
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.guard import Staff
from engage.chat import queries as chat
from engage.clinic import queries as clinic
from engage.fans import queries
from engage.fans.rules import short_code
from engage.kernel import clock
from engage.kernel.db import Session
from engage.patients import queries as patients
from engage.qrcodes import queries as qrcodes
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.fans.models import Fan, Tag

TINTS: Final = 6
TAGS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Names:
    """What stands beside fans: tags, stores, staff, codes, accounts, and patients for who may see them."""

    tags: Mapping[int, Sequence[Tag]]
    stores: Mapping[int, str]
    accounts: Mapping[int, str]
    codes: Mapping[int, str]
    agents: Mapping[int, int]
    staff: Mapping[int, str]
    patients: Mapping[int, Sequence[str]]
    zone: str

    @classmethod
    def of(cls, session: Session, staff: Staff, fans: Collection[Fan]) -> Names:
        """Read them for some fans."""
        ids = [fan.id for fan in fans]
        agents = chat.dedicated_of(session, ids)
        people = {fan.consultant_id for fan in fans if fan.consultant_id} | set(agents.values())
        return cls(
            tags=queries.tags_of(session, ids),
            stores={store.id: store.short_name for store in clinic.stores(session)},
            accounts={account.id: account.name for account in accounts.accounts(session)},
            codes=qrcodes.names_of(session, {fan.source_code_id for fan in fans if fan.source_code_id}),
            agents=agents,
            staff=tenancy.names_of(session, people),
            patients=patients.names_of_fans(session, ids) if staff.may("people.view") else {},
            zone=staff.house.zone,
        )

    def name(self, fan: Fan) -> str:
        """Give what a fan is called: as in WeChat, else the patient's name, else the short code."""
        return fan.nickname or next(iter(self.patients.get(fan.id, ())), "") or fan_called(None, fan.id)


def face(fan: Fan, name: str) -> dict[str, Any]:
    """Give the round picture, or what stands in its place."""
    known = fan.nickname or not name.endswith(short_code(fan.id))
    return {
        "initial": name[:1].upper() if known else short_code(fan.id)[:2],
        "tint": fan.id % TINTS,
        "avatar_url": url_for("console_fans.face", fan_id=fan.id, v=fan.avatar[:12]) if fan.avatar else "",
    }


def row(fan: Fan, names: Names) -> dict[str, Any]:
    """Give a fan's row of the list."""
    name = names.name(fan)
    tags = [tag.name for tag in names.tags.get(fan.id, ())]
    bound = "、".join(names.patients.get(fan.id, ()))
    return {
        "id": fan.id,
        "name": name,
        "face": face(fan, name),
        "url": url_for("console_fans.show", fan_id=fan.id),
        "sub": " · ".join(filter(None, (fan.remark, bound if bound != name else ""))),
        "tags": tags[:TAGS_SHOWN],
        "more_tags": tags[TAGS_SHOWN:],
        "source": source(fan, names),
        "follows": fan.following,
        "store": names.stores.get(fan.store_id or 0, ""),
        "consultant": names.staff.get(fan.consultant_id or 0, ""),
        "agent": names.staff.get(names.agents.get(fan.id, 0), ""),
        "contact": clock.local(fan.last_seen_at, names.zone),
    }


def source(fan: Fan, names: Names) -> str:
    """Say how a fan came: by which code first, or by whom."""
    code = names.codes.get(fan.source_code_id or 0, "")
    if code or fan.referrer_fan_id is None:
        return code
    return str(gettext("Sent by fan %(code)s", code=short_code(fan.referrer_fan_id)))
