"""What is printed of codes: each with the file's name, and the logo all of them share."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engage.accounts import queries as accounts
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.kernel.settings import Setting
from engage.qrcodes import queries
from engage.qrcodes.drawing import Sheet, png, svg
from engage.qrcodes.queries import Picture
from engage.tenancy import queries as tenancy

# The key in `kernel.files` of the logo in the middle of every printed code.
LOGO: Final = Setting("qrcodes.logo", "", allowed=lambda key: not key or len(key) == 64)

FORMATS: Final = {"png": png, "svg": svg}
TYPES: Final = {"png": "image/png", "svg": "image/svg+xml"}

_NAME_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Print:
    """A code's sheet and the name of its file, without an ending."""

    code_id: int
    name: str
    sheet: Sheet


def prints(session: Session, code_ids: Collection[int], *, now: dt.datetime) -> tuple[Sequence[Print], str]:
    """Give what is printed of those of the codes that lead somewhere, and the logo's key, empty for none.

    A file of a temporary code is called by its last day too, for then the picture dies.
    """
    tenant, key = tenancy.tenant(session), settings.get(session, LOGO)
    names = {account.id: account.name for account in accounts.accounts(session)}
    found = [
        Print(
            one.code_id,
            _file_name(one, tenant.zone),
            Sheet(one.url, one.caption, names[one.account_id], tenant.accent, tenant.short_name[:1]),
        )
        for one in queries.pictures(session, code_ids, now=now)
    ]
    return found, key


def gather(archive: zipfile.ZipFile, printed: Sequence[Print], logo: bytes | None) -> None:
    """Add the pictures of some codes to an archive, in all formats."""
    for one in printed:
        for ending in FORMATS:
            archive.writestr(f"{one.name}.{ending}", drawn(one, ending, logo))


def drawn(one: Print, ending: str, logo: bytes | None) -> bytes:
    """Draw one in a format (`FORMATS`)."""
    return FORMATS[ending](replace(one.sheet, logo=logo))


def logo_of(files: Files, tenant_id: int, key: str) -> bytes | None:
    """Give the logo of a key, or None where there is none any more."""
    try:
        return files.get(tenant_id, key) if key else None
    except NotFound:
        return None


def set_logo(session: Session, key: str, *, by: Actor, now: dt.datetime) -> None:
    """Print a logo, by its key in `kernel.files`, on all pictures made from now on; "" prints none."""
    settings.put(session, LOGO, key)
    audit.record(session, "channel_code.logo_set", by=by, subject=("tenant", session.tenant_id), now=now)


def _file_name(picture: Picture, zone: str) -> str:
    """Give a name that every system takes: the code's name and number, a temporary one's last day."""
    plain = re.sub(r"[^\w.-]+", "-", picture.name).strip("-.")[:_NAME_LENGTH]
    last = f"-until-{clock.local(picture.expires_at, zone):%Y-%m-%d}" if picture.expires_at else ""
    return f"{plain or 'code'}-{picture.code_id}{last}"
