"""The second factor of staff: codes of an authenticator app (TOTP, RFC 6238), and recovery codes (PL-2)."""

from __future__ import annotations

import datetime as dt
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final

import pyotp
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import sealing
from engage.kernel.db import Session
from engage.tenancy import queries
from engage.tenancy.errors import SecondFactorIsOn, WrongCode
from engage.tenancy.models import RecoveryCode, SecondFactor

STEP_SECONDS: Final = 30
# A phone's clock may be off by one step, and typing takes time.
STEPS_OFF: Final = (0, -1, 1)

RECOVERY_CODES: Final = 10
RECOVERY_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"

_NOT_OF_A_CODE = re.compile(r"[\s-]+")


def is_on(session: Session, staff_id: int) -> bool:
    """Whether the log-in of a person asks for a second factor."""
    found = session.get(SecondFactor, (session.tenant_id, staff_id))
    return found is not None and found.confirmed_at is not None


def recovery_codes_left(session: Session, staff_id: int) -> int:
    """Give how many recovery codes a person has not used."""
    left = sa.select(sa.func.count(RecoveryCode.id)).where(
        RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None)
    )
    return session.scalar(left) or 0


def begin(session: Session, staff_id: int) -> None:
    """Draw a secret, which counts once it is confirmed; one that never was is replaced.

    Raises:
        SecondFactorIsOn: the person has one already.
    """
    drawing = insert(SecondFactor).values(staff_id=staff_id, secret=pyotp.random_base32(), last_step=0)
    drawn = session.scalar(
        drawing.on_conflict_do_update(
            index_elements=["tenant_id", "staff_id"],
            set_={"secret": drawing.excluded.secret},
            where=SecondFactor.confirmed_at.is_(None),
        )
        .returning(SecondFactor.staff_id)
        .execution_options(populate_existing=True)
    )
    if drawn is None:
        raise SecondFactorIsOn


def secret_to_confirm(session: Session, staff_id: int) -> str:
    """Give the secret that waits to be confirmed; empty where none does."""
    found = session.get(SecondFactor, (session.tenant_id, staff_id))
    return found.secret if found is not None and found.confirmed_at is None else ""


def address_of(secret: str, *, login: str, issuer: str) -> str:
    """Give what an authenticator app reads from a QR code: `otpauth://totp/…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def confirm(session: Session, staff_id: int, code: str, *, now: dt.datetime) -> Sequence[str]:
    """Turn the second factor on with the first code of the app; gives recovery codes, to be shown once.

    `now` is the real time, by which the phone counts.

    Raises:
        WrongCode: the code is not the app's, or no secret waits.
    """
    step = _step_of(secret_to_confirm(session, staff_id), code, now)
    turned_on = session.scalar(
        sa.update(SecondFactor)
        .where(SecondFactor.staff_id == staff_id, SecondFactor.confirmed_at.is_(None), sa.literal(step > 0))
        .values(confirmed_at=now, last_step=step)
        .returning(SecondFactor.staff_id)
        .execution_options(synchronize_session="fetch")
    )
    if turned_on is None:
        raise WrongCode
    codes = ["-".join(_letters() for _ in range(2)) for _ in range(RECOVERY_CODES)]
    session.execute(
        sa.insert(RecoveryCode),
        [
            {"tenant_id": session.tenant_id, "staff_id": staff_id, "code_index": _index(staff_id, code)}
            for code in codes
        ],
    )
    by = Actor("staff", staff_id)
    audit.record(session, "staff.second_factor_on", by=by, subject=("staff", staff_id), now=now)
    return codes


def accepts(session: Session, staff_id: int, code: str, *, now: dt.datetime) -> bool:
    """Whether a code of the app, or a recovery code, is right; each counts once, by one UPDATE.

    The caller counts the attempt first (`services.begin_login`). `now` is the real time.
    """
    typed = _NOT_OF_A_CODE.sub("", code.lower())
    if typed.isdecimal():
        return _app_accepts(session, staff_id, typed, now)
    used = session.scalar(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff_id,
            RecoveryCode.code_index == _index(staff_id, typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    )
    if used is not None:
        by = Actor("staff", staff_id)
        audit.record(session, "staff.recovery_code_used", by=by, subject=("staff", staff_id), now=now)
    return used is not None


def turn_off(session: Session, staff_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Let the log-in of a person ask for the password alone; repeating changes nothing.

    Raises:
        NotFound: no such member of staff.
    """
    queries.staff_member(session, staff_id, lock=True)
    was_on = is_on(session, staff_id)
    for table in (RecoveryCode, SecondFactor):
        mine = sa.delete(table).where(table.staff_id == staff_id)
        session.execute(mine.execution_options(synchronize_session="fetch"))
    if was_on:
        audit.record(session, "staff.second_factor_off", by=by, subject=("staff", staff_id), now=now)


def _app_accepts(session: Session, staff_id: int, code: str, now: dt.datetime) -> bool:
    factor = session.get(SecondFactor, (session.tenant_id, staff_id))
    step = _step_of(factor.secret, code, now) if factor else 0
    accepted = session.scalar(
        sa.update(SecondFactor)
        .where(
            SecondFactor.staff_id == staff_id,
            SecondFactor.confirmed_at.is_not(None),
            SecondFactor.last_step < step,
        )
        .values(last_step=step)
        .returning(SecondFactor.staff_id)
        .execution_options(synchronize_session=False)
    )
    return accepted is not None


def _step_of(secret: str, code: str, now: dt.datetime) -> int:
    """Give the step of time whose code this is, near now; 0 where it is none."""
    typed = _NOT_OF_A_CODE.sub("", code)
    if not secret or not typed.isascii():
        return 0
    counter, here = pyotp.HOTP(secret), int(now.timestamp()) // STEP_SECONDS
    return next((here + off for off in STEPS_OFF if hmac.compare_digest(counter.at(here + off), typed)), 0)


def _letters() -> str:
    return "".join(secrets.choice(RECOVERY_LETTERS) for _ in range(5))


def _index(staff_id: int, code: str) -> bytes:
    return sealing.index(f"recovery {staff_id} {_NOT_OF_A_CODE.sub('', code)}")
