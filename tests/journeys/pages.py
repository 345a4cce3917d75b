"""A page as a person reads it: what it says, where its links lead, what its forms send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


@dataclass
class Field:
    """Something a form may send."""

    name: str
    value: str
    kind: str
    chosen: bool
    disabled: bool


@dataclass
class Form:
    """A form: where it goes and what stands in it."""

    action: str
    fields: list[Field] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether it can send something of this name."""
        return any(one.name == name for one in self.fields)

    def choices(self, name: str) -> list[str]:
        """Give the values that can be chosen of one name."""
        return [one.value for one in self.fields if one.name == name and not one.disabled]

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """Give what is sent when `values` are chosen or typed and the rest is left as it stands."""
        standing = {one.name: one.value for one in self.fields if one.chosen and not one.disabled}
        return {**standing, **values}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[list[str]] = []
        self._form: Form | None = None
        self._select, self._is_in_link, self._is_in_area = "", False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append([of.get("href", ""), ""])
            self._is_in_link = True
        elif tag == "form":
            self._form = Form(of.get("action", ""))
            self.forms.append(self._form)
        elif tag in {"input", "button", "textarea", "option"} and self._form:
            self._read_field(tag, of)
        elif tag == "select":
            self._select = of.get("name", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._is_in_link = False
        elif tag == "form":
            self._form = None
        elif tag == "textarea":
            self._is_in_area = False

    def handle_data(self, data: str) -> None:
        if self._is_in_link:
            self.links[-1][1] = f"{self.links[-1][1]} {data.strip()}".strip()
        if self._is_in_area and self._form:
            self._form.fields[-1].value += data

    def _read_field(self, tag: str, of: dict[str, str]) -> None:
        assert self._form
        name = self._select if tag == "option" else of.get("name", "")
        if not name:
            return
        kind = of.get("type", "text") if tag == "input" else tag
        if kind in {"radio", "checkbox"}:
            chosen = "checked" in of
        elif tag == "option":
            chosen = "selected" in of
        else:
            chosen = tag != "button"
        self._is_in_area = tag == "textarea"
        self._form.fields.append(Field(name, of.get("value", ""), kind, chosen, "disabled" in of))


class Page:
    """An answer of the web, read."""

    def __init__(self, answer: requests.Response) -> None:
        self.url, self.status, self.text = answer.url, answer.status_code, answer.text
        reader = _Reader()
        reader.feed(answer.text)
        self.forms = reader.forms
        self._links = reader.links

    def form(self, name: str) -> Form:
        """Give the form that sends something of this name."""
        found = [form for form in self.forms if form.has(name)]
        assert found, f"{self.url} ({self.status}) has no form with {name}: {self.text[-1500:]}"
        return found[0]

    def links(self, part: str) -> list[str]:
        """Give the addresses with `part` in them, or in what is tapped, in order."""
        return _once(urljoin(self.url, href) for href, text in self._links if part in href or part in text)


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
