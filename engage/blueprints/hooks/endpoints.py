"""Where pushes come in: an account with the keys of its callback, remembered by each process for a moment.

Reading an account costs two transactions and the decryption of its secrets, as much as the whole
rest of a push; a changed token or reply is in force everywhere after `REMEMBERED_SECONDS`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from engage.accounts import queries as accounts
from engage.kernel import clock, directory
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.replies.book import Book
from engage.replies.queries import read_book
from engage.wechat.envelope import Keys

REMEMBERED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An account that is pushed to; `book` holds what it answers, ready to be sent."""

    tenant_id: int
    account_id: int
    keys: Keys
    book: Book


_remembered: dict[str, tuple[float, Endpoint]] = {}


def find(app_id: str, *, public_url: str) -> Endpoint:
    """Give the endpoint of an app id.

    Raises:
        NotFound: nobody connected this account.
    """
    until, endpoint = _remembered.get(app_id, (0.0, None))
    if endpoint is None or time.monotonic() > until:
        endpoint = _read(app_id, public_url)
        _remembered[app_id] = (time.monotonic() + REMEMBERED_SECONDS, endpoint)
    return endpoint


def _read(app_id: str, public_url: str) -> Endpoint:
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "app_id", app_id)
    if tenant_id is None:
        raise NotFound(app_id=app_id)
    with tenant_scope(tenant_id), unit_of_work() as session:
        account = accounts.by_app_id(session, app_id)
        book = read_book(session, account, public_url=public_url, now=clock.now())
    keys = Keys(account.app_id, account.token, account.encoding_aes_key, account.mode)
    return Endpoint(tenant_id, account.id, keys, book)
