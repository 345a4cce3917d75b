"""How an account words its messages."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.dialects.postgresql import insert

from engage.accounts import queries as accounts
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.notifications import fields as typed
from engage.notifications.errors import WrongWording
from engage.notifications.fields import Fields
from engage.notifications.models import Wording
from engage.notifications.rules import KINDS


def set_wording(
    session: Session,
    account_id: int,
    kind: str,
    *,
    template_id: str,
    title: str,
    content: str,
    fields: Fields,
    enabled: bool,
    by: Actor,
    now: dt.datetime,
) -> None:
    """Say how an account words a kind of message from now on; what is written already stays as it is.

    `content` is the template's own text, with `{{thing1.DATA}}` for each key; `fields` has a
    `{"key": "thing1", "text": "{store}"}` for each.

    Raises:
        NotFound: there is no such account or kind.
        WrongWording: a key has no text, or one that breaks the limits of its type.
    """
    if kind not in KINDS:
        raise NotFound(kind=kind)
    accounts.account(session, account_id)
    wrong = typed.problems(kind, content, fields)
    if wrong:
        raise WrongWording(wrong)
    values = {
        "template_id": template_id,
        "title": title,
        "content": content,
        "fields": [{"key": field["key"], "text": field["text"].strip()} for field in fields],
        "enabled": enabled,
        "updated_at": now,
    }
    session.execute(
        insert(Wording)
        .values(account_id=account_id, kind=kind, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "account_id", "kind"], set_=values)
    )
    audit.record(session, "wording.updated", by=by, subject=("account", account_id), now=now, fields=[kind])
