"""Chinese is complete: each text of the code and templates has its words, and no word is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from engage.blueprints.faces import LANGUAGES
from engage.config import ROOT

KEYWORDS = DEFAULT_KEYWORDS | {"N_": None, "lazy_gettext": None}
PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")


@pytest.fixture(scope="module")
def extracted() -> set[str | tuple[str, ...]]:
    """What the program says, in English."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, keywords=KEYWORDS, directory_filter=_is_ours(ROOT))
    return {message for _file, _line, message, _comments, _context in found if message}


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    """The Chinese catalogue."""
    with (ROOT / "engage/translations/zh_Hans/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


def _is_ours(root: Path):
    return lambda folder: (
        Path(folder) == root
        or Path(folder).relative_to(root).parts[0]
        in {
            "engage",
            "templates",
        }
    )


def of(catalog: Catalog) -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    """Give the texts and their words, without the header."""
    return {message.id: message.string for message in catalog if message.id}


def flat(text: str | tuple[str, ...]) -> str:
    """Give singular and plural as one."""
    return text if isinstance(text, str) else "\n".join(text)


def test_the_languages_are_those_with_a_catalogue(root: Path) -> None:
    catalogues = {path.name for path in (root / "engage/translations").iterdir() if path.is_dir()}
    assert catalogues | {"en"} == set(LANGUAGES)


def test_texts_are_found(extracted) -> None:
    assert "Please log in to go on." in extracted
    assert len(extracted) > 50


def test_every_text_has_its_words(extracted, chinese: Catalog) -> None:
    words = of(chinese)
    missing = sorted(flat(text) for text in extracted if text not in words or not flat(words[text]).strip())
    assert not missing, "not translated into Chinese:\n" + "\n".join(missing)


def test_no_words_are_left_over(extracted, chinese: Catalog) -> None:
    surplus = sorted(flat(text) for text in of(chinese) if text not in extracted)
    assert not surplus, "nobody says any more:\n" + "\n".join(surplus)
    assert not chinese.obsolete


def test_no_words_are_guesses(chinese: Catalog) -> None:
    assert not [message.id for message in chinese if message.id and message.fuzzy]


def test_placeholders_are_the_same(chinese: Catalog) -> None:
    wrong = [
        text
        for text, words in of(chinese).items()
        if set(PLACEHOLDER.findall(flat(text))) != set(PLACEHOLDER.findall(flat(words)))
    ]
    assert not wrong
