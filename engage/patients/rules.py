"""Phones, names and codes, as pure functions."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import dataclass
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from engage.kernel import pinyin
from engage.kernel.errors import N_
from engage.patients.errors import WrongEmail, WrongName, WrongPhone

SEXES: Final = {"f": N_("Female"), "m": N_("Male")}
SOURCES: Final = {"wechat": N_("WeChat"), "desk": N_("Front desk"), "import": N_("Import")}

# Where people live: the provinces by their number in GB/T 2260, and everywhere else.
REGIONS: Final = {
    "11": N_("Beijing"),
    "12": N_("Tianjin"),
    "13": N_("Hebei"),
    "14": N_("Shanxi"),
    "15": N_("Inner Mongolia"),
    "21": N_("Liaoning"),
    "22": N_("Jilin"),
    "23": N_("Heilongjiang"),
    "31": N_("Shanghai"),
    "32": N_("Jiangsu"),
    "33": N_("Zhejiang"),
    "34": N_("Anhui"),
    "35": N_("Fujian"),
    "36": N_("Jiangxi"),
    "37": N_("Shandong"),
    "41": N_("Henan"),
    "42": N_("Hubei"),
    "43": N_("Hunan"),
    "44": N_("Guangdong"),
    "45": N_("Guangxi"),
    "46": N_("Hainan"),
    "50": N_("Chongqing"),
    "51": N_("Sichuan"),
    "52": N_("Guizhou"),
    "53": N_("Yunnan"),
    "54": N_("Tibet"),
    "61": N_("Shaanxi"),
    "62": N_("Gansu"),
    "63": N_("Qinghai"),
    "64": N_("Ningxia"),
    "65": N_("Xinjiang"),
    "71": N_("Taiwan"),
    "81": N_("Hong Kong"),
    "82": N_("Macao"),
    "other": N_("Elsewhere"),
}

# How a fan came to speak for a patient.
WAYS: Final = {
    "phone": N_("By phone"),
    "booking": N_("When booking"),
    "desk": N_("At the desk"),
    "scan": N_("By a code at the desk"),
    "chat": N_("In the chat"),
    "profile": N_("By a profile"),
}

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

# How long a code that the desk shows binds whoever scans it first.
TICKET_LIFE: Final = dt.timedelta(minutes=10)

NAME_LENGTH: Final = 40

# What an erased person is called where a visit names one.
ERASED_NAME: Final = "—"
EMAIL_LENGTH: Final = 254
MEMO_LENGTH: Final = 2000

# What fans add by themselves to one phone; a large family has less.
CHARTS_PER_PHONE: Final = 20

CODE_TEXT: Final = N_("[%(clinic)s] Your code is %(code)s, valid for %(minutes)s minutes. Tell it to nobody.")

CHINA: Final = 86  # the country's prefix

_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@.<>()\[\],;:\"]+(\.[^\s@.<>()\[\],;:\"]+)+")
_FIRST_SYLLABLES: Final = 0x2E80  # from here on, a character is a syllable: Chinese, Japanese, Korean

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
    """Give a stored phone as it is shown: 138****1234; of a short one too, four digits are hidden."""
    digits = national(phone)
    shown = max(0, len(digits) - 4)
    begin, end = min(3, max(0, shown - 4)), len(digits) - min(4, shown)
    return f"{digits[:begin]}****{digits[end:]}"


def veiled(name: str) -> str:
    """Give a name as it is shown to somebody who has to prove that they know the person: 王*红, A* L*."""
    words = name.split()
    if len(words) > 1 or name.isascii():
        return " ".join(f"{word[0]}*" for word in words)
    return f"{name[0]}*{name[-1]}" if len(name) > 2 else f"{name[:1]}*"


def spaced(phone: str) -> str:
    """Give a stored phone as people read it out: 138 0000 1234; a foreign one with its prefix."""
    number = phonenumbers.parse(phone)
    form = PhoneNumberFormat.NATIONAL if number.country_code == CHINA else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)


def age(birth_date: dt.date, today: dt.date) -> int:
    """Give how many years somebody is old."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


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


def composed(family: str, middle: str, given: str) -> str:
    """Give the whole name as it is shown: 王小红, Anna Marie Lee.

    Raises:
        WrongName: nothing is left, or too much.
    """
    if _is_latin(family + middle + given):
        return named(f"{given} {middle} {family}")
    return named("".join(map(tidy, (family, middle, given))))


def parted(name: str) -> tuple[str, str, str]:
    """Give family, middle and given name as the whole name lets one guess, for somebody to look at."""
    name = tidy(name)
    if _is_latin(name):
        first, *others = name.split() or [""]
        return (others[-1], " ".join(others[:-1]), first) if others else ("", "", first)
    surname = 2 if len(name) > 2 and name[:2] in pinyin.SURNAMES else 1
    return name[:surname], "", name[surname:].strip()


def mail(text: str) -> str:
    """Give an e-mail address as it is stored; nobody's differs by capitals.

    Raises:
        WrongEmail: it is none.
    """
    address = tidy(text).lower()
    if len(address) > EMAIL_LENGTH or not _EMAIL.fullmatch(address):
        raise WrongEmail
    return address


def terms_of(name: str, number: int) -> frozenset[str]:
    """Give what a patient is searched by: the name from each character or word on, how it is typed in
    Latin letters, and the number.
    """
    lower = name.lower()
    written = {lower[begin:] for begin in _beginnings(lower)}
    return frozenset({str(number), *written, *pinyin.terms(name)})


def asked_terms(asked: str) -> list[str]:
    """Give what is looked for when these words are typed; of Latin letters, also without the spaces."""
    letters = "".join(filter(str.isalnum, asked))
    return [asked] if letters == asked or not asked.isascii() or not letters else [asked, letters]


def _is_latin(name: str) -> bool:
    """Whether the parts of a name are written with spaces between, the family's last."""
    return all(ord(char) < _FIRST_SYLLABLES for char in name)


def _beginnings(name: str) -> list[int]:
    """Give where a search may begin: anywhere in 王小红, at the words of Anna Lee."""
    later = [
        place
        for place, (before, here) in enumerate(itertools.pairwise(name), start=1)
        if not here.isspace() and not (before.isascii() and before.isalnum())
    ]
    return [0, *later]
