"""Gathering pictures of many codes in one ZIP: drawn a few at a time with no transaction open."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from flask import current_app

from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.kernel.files import Files
from engage.qrcodes import rules, sheets
from engage.qrcodes.services import bundles
from engage.qrcodes.services.bundles import Errand

# So often progress is noted, and the lease kept: drawing one takes a third of a second.
AT_A_TIME: Final = 10


def drain() -> None:
    """Make one bundle, or delete one whose time is over; the ring at the end calls for the next."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.BUNDLES, now=clock.now())
        errand = bundles.claim(session, now=clock.now())
        tenant_id = session.tenant_id
    if errand is not None:
        files: Files = current_app.extensions["files"]
        if errand.file is None:
            _make(files, tenant_id, errand)
        else:
            _forget(files, tenant_id, errand, errand.file)
    with unit_of_work() as session:
        next_at = bundles.next_at(session)
        due.answered(session, rules.BUNDLES, marks, next_at=next_at)
        if next_at is not None and next_at <= clock.now():
            due.ring(session, rules.BUNDLES)


def _make(files: Files, tenant_id: int, errand: Errand) -> None:
    with unit_of_work() as session:
        printed, key = sheets.prints(session, errand.code_ids, now=clock.now())
    logo = sheets.logo_of(files, tenant_id, key)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for begin in range(0, len(printed), AT_A_TIME):
            sheets.gather(archive, printed[begin : begin + AT_A_TIME], logo)
            with unit_of_work() as session:
                done = min(begin + AT_A_TIME, len(printed))
                if not bundles.progress(session, errand, done, now=clock.now()):
                    return
    file = files.put(tenant_id, packed.getvalue())
    with unit_of_work() as session:
        bundles.settle(session, errand, file)


def _forget(files: Files, tenant_id: int, errand: Errand, file: str) -> None:
    with unit_of_work() as session:
        is_last = bundles.forget(session, errand)
    if is_last:
        files.delete(tenant_id, file)
