"""Publishing an account's menu without anybody at a screen: by the operator, and for the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from engage.accounts.menus import queries, sending, services
from engage.accounts.menus.errors import ChangedElsewhere
from engage.accounts.menus.rules import Entries
from engage.accounts.menus.sending import Outcome, Read
from engage.accounts.menus.services import Compared
from engage.audit.services import OPERATOR
from engage.blueprints.console.menu.standing import standard
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.wechat.gateway import Credentials, Gateway

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount


def publish(
    gateway: Gateway, account: OfficialAccount, entries: Entries | None = None, *, replace: bool = False
) -> Outcome:
    """Publish the draft, or `entries` as the first one; gives what WeChat did with it.

    Raises:
        ChangedElsewhere: WeChat shows a menu that was made on its own site, and `replace` is not said.
        NotReady, Publishing: as `services.ask`.
    """
    credentials = Credentials(account.app_id, account.secret)
    found = sending.read(gateway, credentials)
    if not isinstance(found, Read):
        return found
    with unit_of_work() as session:
        now = clock.now()
        live = services.seen(session, account.id, found.wire, now=now)
        if live.wire and live.release_id is None and not replace:
            raise ChangedElsewhere
        draft = queries.draft(session, account.id)
        if draft is None:
            first = entries if entries is not None else standard()
            draft = services.save(session, account.id, first, version=0, by=OPERATOR, now=now)
        pages = f"{current_app.config['PUBLIC_URL']}/p/{account.slug}"
        compared = Compared(draft.version, live.digest)
        release = services.ask(session, account.id, compared, pages=pages, by=OPERATOR, now=now)
    outcome = sending.publish(gateway, credentials, release.wire, digest=compared.digest)
    with unit_of_work() as session:
        services.settle(session, release.id, outcome, now=clock.now())
    return outcome
