"""Sending codes to phones: claimed, sent with no transaction open, settled."""

from __future__ import annotations

from flask import current_app
from flask_babel import force_locale, gettext

from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.patients import rules
from engage.patients.rules import Fate
from engage.patients.services import codes
from engage.patients.services.codes import Envelope
from engage.sms.gateway import SmsRefused, SmsUnreachable
from engage.tenancy import queries as tenancy

# Sending one takes up to 11 seconds when the provider hangs; a batch must end within its lease.
BATCH = 4

TEMPLATE = "phone_code"


def drain() -> None:
    """Send the tenant's due codes, a batch at a time, each code once."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.QUEUE, now=clock.now())
        clinic = tenancy.tenant(session).name
    while True:
        with unit_of_work() as session:
            claimed, envelopes = codes.claim(session, now=clock.now(), batch=BATCH)
        if not claimed:
            break
        fates = {envelope.id: _send(envelope, clinic) for envelope in envelopes}
        with unit_of_work() as session:
            codes.settle(session, claimed, fates)
    with unit_of_work() as session:
        due.answered(session, rules.QUEUE, marks, next_at=codes.next_at(session))


def _send(envelope: Envelope, clinic: str) -> Fate:
    params = {"clinic": clinic, "code": envelope.code, "minutes": str(rules.CODE_MINUTES)}
    with force_locale(rules.language_of(envelope.phone)):
        text = gettext(rules.CODE_TEXT, **params)
    try:
        current_app.extensions["sms"].send(envelope.phone, TEMPLATE, params, text)
    except SmsRefused as refusal:
        return Fate("failed", str(refusal))
    except SmsUnreachable as silence:
        return Fate("unknown", str(silence))
    return Fate("sent")
