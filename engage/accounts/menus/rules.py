"""What a menu may hold (WeChat §7), and how it is written for WeChat."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from engage.accounts.rules import wrong_text
from engage.kernel.errors import N_

# The queue of menus that are to be read.
QUEUE: Final = "menus"
READ_EVERY: Final = dt.timedelta(days=1)
# A reading that failed is tried again, and one whose worker died.
READ_AGAIN_AFTER: Final = dt.timedelta(hours=1)
LEASE: Final = dt.timedelta(minutes=10)
# Publishing that was cut off is looked into; before that its answer may still come.
SETTLED_WITHIN: Final = dt.timedelta(minutes=2)

STATES: Final = {
    "pending": N_("On its way"),
    "live": N_("On the phones"),
    "replaced": N_("Replaced"),
    "failed": N_("Not published"),
}

# Why a release failed, beside WeChat's errors.
ELSEWHERE, NOT_TAKEN, SILENT = "elsewhere", "not_taken", "0"
REASONS: Final[Mapping[str, str]] = {
    ELSEWHERE: N_("The menu had been changed at WeChat meanwhile, so it was left alone."),
    NOT_TAKEN: N_("The connection broke off, and WeChat does not show it."),
    SILENT: N_("WeChat could not be reached."),
    "40018": N_("WeChat takes a name at the top of at most 16 bytes."),
    "40025": N_("WeChat takes a name in a list of at most 60 bytes."),
    "40020": N_("WeChat does not take the address of a link."),
    "40027": N_("WeChat does not take the address of a link."),
    "40054": N_("WeChat does not allow the domain of a link in a list."),
    "40055": N_("WeChat does not allow the domain of a link at the top."),
    "45064": N_("A mini program in the menu is not linked with this account."),
    "48001": N_("WeChat does not let this account have a menu: it may not be verified."),
}

LIST, MODULE, LINK, REPLY, KEPT = "list", "module", "link", "reply", "kept"
KINDS: Final = {
    LIST: N_("A list of entries"),
    MODULE: N_("A page of ours"),
    LINK: N_("A link"),
    REPLY: N_("A fixed reply"),
    KEPT: N_("Made at WeChat"),
}


@dataclass(frozen=True, slots=True)
class Module:
    """Something of Engage's that an entry leads to: a patient page, or a word with the staff (no `path`)."""

    label: str
    path: str = ""
    is_ready: bool = True


AGENTS: Final = "agents"
MODULES: Final[Mapping[str, Module]] = {
    "booking": Module(N_("Book a visit"), "booking"),
    "bind": Module(N_("Bind my chart"), "bind"),
    "profile": Module(N_("Complete my details"), "profile"),
    "stores": Module(N_("Find our stores"), "stores"),
    "coupons": Module(N_("My coupons"), "coupons"),
    "visits": Module(N_("My visits"), "appointments"),
    "me": Module(N_("Personal centre"), "me"),
    AGENTS: Module(N_("Talk to us")),
    "site": Module(N_("Clinic site"), is_ready=False),
    "members": Module(N_("Member centre"), is_ready=False),
    "reviews": Module(N_("Rate us"), is_ready=False),
}

COLUMNS, ROWS = 3, 5
# Bytes that WeChat takes of a name, at the top and in a list, and Chinese characters that a phone shows of
# it; two letters stand for one of these.
NAME_BYTES: Final = {True: 16, False: 60}
NAME_WIDTH: Final = {True: 4, False: 8}
URL_BYTES: Final = 1024
# What the API takes of entries that were made elsewhere; the website makes others too (text, img, news, …).
SENDABLE: Final = frozenset(
    {
        "click",
        "view",
        "miniprogram",
        "scancode_push",
        "scancode_waitmsg",
        "pic_sysphoto",
        "pic_photo_or_album",
        "pic_weixin",
        "location_select",
        "media_id",
        "article_id",
        "article_view_limited",
    }
)
ENTRY_ID: Final = re.compile(r"[a-z0-9-]{1,36}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; its `id` stays with it wherever it is moved and whatever it is called.

    `text` is what a fixed reply says, and what is said to who wants to talk to the staff. `made`
    is what WeChat told of an entry that can only be made there.
    """

    id: str
    name: str
    kind: str
    module: str = ""
    url: str = ""
    text: str = ""
    is_on: bool = True
    made: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    children: tuple[Entry, ...] = ()


Entries = Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Problem:
    """What stands in the way of publishing: a field of an entry, or the menu as a whole (no `entry_id`)."""

    entry_id: str
    field: str
    sentence: str
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def walk(entries: Entries) -> Iterator[Entry]:
    """Give all entries in order, each list before what is in it."""
    for entry in entries:
        yield entry
        yield from entry.children


def shown(entries: Entries) -> tuple[Entry, ...]:
    """Give what is switched on."""
    return tuple(_with(entry, shown(entry.children)) for entry in entries if entry.is_on)


def width(name: str) -> float:
    """Give how much room a name takes, in Chinese characters."""
    return sum(0.5 if ord(char) < 0x1100 else 1 for char in name)


def problems(entries: Entries) -> list[Problem]:
    """Say what WeChat, or a patient, would stumble over in what is switched on."""
    on = shown(entries)
    found = [] if on else [Problem("", "menu", N_("Nothing is switched on. A menu has at least one entry."))]
    if len(entries) > COLUMNS:
        found.append(Problem("", "menu", N_("At most three stand side by side.")))
    talks = [entry for entry in walk(on) if entry.kind == MODULE and entry.module == AGENTS]
    found += [Problem(extra.id, "module", N_("This can stand in the menu once.")) for extra in talks[1:]]
    for entry in on:
        found += _of(entry, is_top=True)
        found += [problem for child in entry.children for problem in _of(child, is_top=False)]
    return found


def wire(entries: Entries, pages: str) -> list[dict[str, Any]]:
    """Write what is switched on as WeChat takes it; `pages` is where the account's pages stand."""
    return [_written(entry, pages) for entry in shown(entries)]


def texts(entries: Entries) -> dict[str, str]:
    """Give what is answered to a tap, by the key that WeChat pushes."""
    return {key: entry.text for entry in walk(entries) if (key := key_of(entry)) and entry.text}


def key_of(entry: Entry) -> str:
    """Give the key that WeChat pushes when the entry is tapped; empty where it pushes none."""
    if entry.kind == REPLY:
        return f"r:{entry.id}"
    return AGENTS if entry.kind == MODULE and entry.module == AGENTS else ""


def standard(names: Mapping[str, str]) -> tuple[Entry, ...]:
    """Give the menu that an account begins with; `names` has what each module, and "mine", is called."""

    def leads(module: str) -> Entry:
        return Entry(module, names[module], MODULE, module)

    mine = tuple(leads(module) for module in ("coupons", "visits", "me"))
    return leads("booking"), leads("bind"), Entry("mine", names["mine"], LIST, children=mine)


def packed(entries: Entries) -> list[dict[str, Any]]:
    """Write entries as they are kept."""
    return [
        {
            **{
                name: getattr(entry, name)
                for name in ("id", "name", "kind", "module", "url", "text", "is_on")
            },
            "made": dict(entry.made),
            "children": packed(entry.children),
        }
        for entry in entries
    ]


def unpacked(kept: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read entries as they are kept."""
    return tuple(Entry(**{**row, "children": unpacked(row["children"])}) for row in kept)


def _with(entry: Entry, children: tuple[Entry, ...]) -> Entry:
    return dataclasses.replace(entry, children=children)


def _of(entry: Entry, *, is_top: bool) -> list[Problem]:
    found = _of_name(entry, is_top=is_top)
    if entry.kind == LIST:
        found += _of_list(entry, is_top=is_top)
    elif entry.kind == MODULE:
        found += _of_module(entry)
    elif entry.kind == LINK:
        found += _of_link(entry)
    elif entry.kind == REPLY:
        found += _of_text(entry)
    elif entry.made.get("type") not in SENDABLE:
        found.append(
            Problem(
                entry.id,
                "kind",
                N_("This kind exists on WeChat's own site alone. Choose another, or remove it."),
            )
        )
    return found


def _of_name(entry: Entry, *, is_top: bool) -> list[Problem]:
    most = NAME_WIDTH[is_top]
    if not entry.name.strip() or not entry.name.isprintable():
        return [Problem(entry.id, "name", N_("Please give it a name."))]
    if width(entry.name) > most or len(entry.name.encode()) > NAME_BYTES[is_top]:
        sentence = N_("At most %(most)s Chinese characters or %(letters)s letters: phones show no more.")
        return [Problem(entry.id, "name", sentence, {"most": most, "letters": most * 2})]
    return []


def _of_list(entry: Entry, *, is_top: bool) -> list[Problem]:
    if not is_top:
        return [Problem(entry.id, "kind", N_("A list cannot stand within a list."))]
    if not entry.children:
        return [
            Problem(entry.id, "kind", N_("This list is empty. Add an entry, or let it do something itself."))
        ]
    if len(entry.children) > ROWS:
        return [Problem(entry.id, "kind", N_("At most five stand in a list."))]
    return []


def _of_module(entry: Entry) -> list[Problem]:
    module = MODULES.get(entry.module)
    if module is None or not module.is_ready:
        return [Problem(entry.id, "module", N_("Please choose a page."))]
    return _of_text(entry) if entry.module == AGENTS else []


def _of_link(entry: Entry) -> list[Problem]:
    if not is_link(entry.url):
        return [Problem(entry.id, "url", N_("Please enter an address that begins with https://."))]
    if len(entry.url.encode()) > URL_BYTES:
        return [Problem(entry.id, "url", N_("This address is too long: WeChat takes 1024 bytes."))]
    return []


def _of_text(entry: Entry) -> list[Problem]:
    if not entry.text.strip():
        return [Problem(entry.id, "text", N_("Please write what is answered."))]
    wrong = wrong_text(entry.text)
    return [Problem(entry.id, "text", wrong)] if wrong else []


def is_link(url: str) -> bool:
    """Whether this is the whole address of a page that may be opened from a menu."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and url.isprintable() and " " not in url


def _written(entry: Entry, pages: str) -> dict[str, Any]:
    if entry.kind == LIST:
        return {"name": entry.name, "sub_button": [_written(child, pages) for child in entry.children]}
    if entry.kind == KEPT:
        return {**entry.made, "name": entry.name}
    key = key_of(entry)
    if key:
        return {"type": "click", "name": entry.name, "key": key}
    url = f"{pages}/{MODULES[entry.module].path}" if entry.kind == MODULE else entry.url
    return {"type": "view", "name": entry.name, "url": url}
