"""Profiles of 康美口腔: what is asked, five that wait and one that was not taken."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Final

from engage.accounts import queries as accounts
from engage.chat import services as chat
from engage.cli.demo.account import APP_ID
from engage.kernel.db import Session
from engage.patients import queries, services, waiting
from engage.patients.profiles import Question
from engage.patients.services import Decision
from engage.tenancy import queries as tenancy

WISH: Final = "q0c0ffee1"
ASKED: Final = (
    Question("name", required=True),
    Question("phone", required=True),
    Question("sex"),
    Question("birth_date"),
    Question("region"),
    Question("heard"),
    Question(WISH, label="您最想改善什么？", options=("洗牙", "补牙", "矫正", "种植", "还不确定")),
    Question("note"),
)
NETWORK: Final = "203.0.113.20"

# By fan: the phone and the answers. 志强 stands in the register under this phone, with another birthday.
HANDED_IN: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "fan20": ("13920020001", {"name": "沈佳妮", "sex": "f", "birth_date": "1994-06-18", WISH: "矫正"}),
    "fan21": ("13920020002", {"name": "罗斌", "sex": "m", "region": "32", "note": "周末才有空"}),
    "fan22": ("13910010037", {"name": "李志强", "sex": "m", "birth_date": "1951-07-24", WISH: "种植"}),
    "fan23": ("13920020004", {"name": "马思睿", "birth_date": "2016-03-09", "note": "孩子怕打针"}),
    "fan24": ("13920020005", {"name": "Emma Clark", "sex": "f", "region": "other", "heard": "朋友介绍"}),
    "fan25": ("13920020006", {"name": "小胖", WISH: "洗牙"}),
}
REFUSED: Final = {"fan25": "请填写身份证上的姓名，方便医生为您建档。"}

_KEYS: Final = uuid.UUID("0b0f4a56-3c83-4b0e-9d6e-7a0c1d0f2b33")


def hand_in(session: Session, fans: Mapping[str, int], *, slug: str, pages: str, now: dt.datetime) -> None:
    """Ask, and let the profiles be handed in over the last day, once."""
    manager, desk = (tenancy.by_login(session, f"{name}@{slug}") for name in ("manager", "desk"))
    if manager is None or desk is None:
        return
    if waiting.form(session).version == 0:
        services.save_form(session, ASKED, version=0, by_staff=manager.id, now=now)
    account_id = accounts.by_app_id(session, APP_ID).id
    for hours, (name, (phone, answers)) in enumerate(HANDED_IN.items(), start=1):
        if name in fans and waiting.last_submission(session, fans[name]) is None:
            at = now - dt.timedelta(hours=3 * hours)
            _prove(session, fans[name], phone, now=now)
            row = chat.hand_in(
                session,
                account_id=account_id,
                fan_id=fans[name],
                typed=answers,
                key=uuid.uuid5(_KEYS, name),
                now=at,
            )
            if name in REFUSED:
                decision = Decision(row.id, row.version, desk.id)
                chat.reject(session, decision, REFUSED[name], page_url=pages, now=at)


def _prove(session: Session, fan_id: int, phone: str, *, now: dt.datetime) -> None:
    services.request_code(session, fan_id=fan_id, phone=phone, address=NETWORK, now=now)
    session.flush()
    asked = queries.last_code(session, fan_id)
    if asked is not None:
        services.check_code(session, fan_id=fan_id, phone=phone, code=asked.code, now=now)
