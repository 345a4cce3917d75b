"""Phones, names and codes, as pure functions."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from engage.kernel.errors import N_
from engage.patients.errors import WrongName, WrongPhone

SEXES: Final = {"f": N_("Female"), "m": N_("Male")}
SOURCES: Final = {"wechat": N_("WeChat"), "desk": N_("Front desk"), "import": N_("Import")}

# How a fan came to speak for a patient.
WAYS: Final = {"phone": N_("By phone"), "booking": N_("When booking"), "desk": N_("At the desk")}

# How a code fares: `unknown` when the provider did not answer.
CODE_STATES: Final = ("pending", "sent", "failed", "unknown")
LOST: Final = ("failed", "unknown")

QUEUE: Final = "codes"

CODE_DIGITS: Final = 6
CODE_MINUTES: Final = 5
CODE_LIFE: Final = dt.timedelta(minutes=CODE_MINUTES)
TRIES: Final = 5
RESEND_AFTER: Final = dt.timedelta(seconds=60)
A_DAY_PER_PHONE: Final = 10
# Nobody has so many phones; who has texts sent to strangers' ends here, whatever address they ask from.
A_DAY_PER_FAN: Final = 20
# A clinic's Wi-Fi is one address.
A_DAY_PER_ADDRESS: Final = 300

# How long a proven phone opens the charts that have it. Carriers give a number that was given up to
# somebody else after 90 days at the earliest.
PROOF_LIFE: Final = dt.timedelta(days=30)

NAME_LENGTH: Final = 40

# What fans add by themselves to one phone; a large family has less.
CHARTS_PER_PHONE: Final = 20

CODE_TEXT: Final = N_("[%(clinic)s] Your code is %(code)s, valid for %(minutes)s minutes. Tell it to nobody.")

CHINA: Final = 86  # the country's prefix

_TEXTED = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a typed code was; `left` is how many tries a wrong one leaves."""

    outcome: Literal["right", "wrong", "expired", "spent"]
    left: int = 0


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a code that was to be sent; `reason` says why it was not."""

    state: Literal["sent", "failed", "unknown"]
    reason: str | None = None


RIGHT: Final = Verdict("right")
EXPIRED: Final = Verdict("expired")
SPENT: Final = Verdict("spent")


def still_proves(verified_at: dt.datetime, now: dt.datetime) -> bool:
    """Whether a phone that was proven then still is the same person's, as far as one can know."""
    return now - verified_at < PROOF_LIFE


def wrong(tries: int) -> Verdict:
    """Give the verdict on a wrong code after a number of tries."""
    return Verdict("wrong", TRIES - tries)


def normalised(text: str, region: str = "CN") -> str:
    """Give a phone as it is stored (E.164); without a country's prefix it is of `region`.

    Raises:
        WrongPhone: no such number can exist.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise WrongPhone from error
    if not phonenumbers.is_valid_number(number):
        raise WrongPhone
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def takes_texts(phone: str) -> bool:
    """Whether text messages reach a stored phone."""
    return phonenumbers.number_type(phonenumbers.parse(phone)) in _TEXTED


def national(phone: str) -> str:
    """Give a stored phone in the digits people of its country dial."""
    number = phonenumbers.parse(phone)
    written = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, written))


def language_of(phone: str) -> str:
    """Give the language a text message to a stored phone is written in."""
    return "zh_Hans" if phonenumbers.parse(phone).country_code == CHINA else "en"


def masked(phone: str) -> str:
    """Give a stored phone as it is shown: 138****1234."""
    digits = national(phone)
    return f"{digits[:3]}****{digits[-4:]}"


def named(text: str) -> str:
    """Give a name as it is stored, with single spaces.

    Raises:
        WrongName: nothing is left, or too much.
    """
    name = tidy(text)
    if not 0 < len(name) <= NAME_LENGTH:
        raise WrongName
    return name


def tidy(text: str) -> str:
    """Give what was typed with single spaces and without characters that nobody sees."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def terms_of(name: str, number: int) -> frozenset[str]:
    """Give what a patient is searched by: the name from each character or word on, and the number."""
    lower = name.lower()
    return frozenset({str(number), *(lower[begin:] for begin in _beginnings(lower))})


def _beginnings(name: str) -> list[int]:
    """Give where a search may begin: anywhere in 王小红, at the words of Anna Lee."""
    later = [
        place
        for place, (before, here) in enumerate(itertools.pairwise(name), start=1)
        if not here.isspace() and not (before.isascii() and before.isalnum())
    ]
    return [0, *later]
