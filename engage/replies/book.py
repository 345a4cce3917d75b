"""The reply book: all that an account answers by itself, ready in memory (ADR 0018)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from engage.chat.reading import Automatic
from engage.replies.rules import EQUAL, normal, plain
from engage.wechat.messages import Followed, MenuClicked, Message, Scanned, Text
from engage.wechat.replies import Card, ImageReply, NewsReply, TextReply

Reply: TypeAlias = TextReply | ImageReply | NewsReply


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that WeChat has: its media id, its key in `kernel.files`, its size."""

    media_id: str
    file: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and how the conversation shows it. `rule_id` is empty for codes and the menu."""

    reply: Reply
    shown: Automatic
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class Keywords:
    """Words in their normal form, and what is answered to them."""

    match: str
    words: Sequence[str]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Book:
    """What an account answers. Among keywords the first hit counts: equal before contained, then in order."""

    welcome: Answer | None = None
    by_scene: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    by_click: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    equal: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    contained: Sequence[tuple[str, Answer]] = ()

    def answer(self, message: Message) -> Answer | None:
        """Give what is answered to a push; None for nothing."""
        match message.content:
            case Followed(scene=scene):
                return self.by_scene.get(scene or "", self.welcome)
            case Scanned(scene=scene):
                return self.by_scene.get(scene)
            case MenuClicked(key=key):
                return self.by_click.get(key)
            case Text(content=sentence):
                return self.answer_to(sentence)
        return None

    def answer_to(self, sentence: str) -> Answer | None:
        """Give what is answered to what somebody writes."""
        if not self.equal and not self.contained:
            return None
        said = normal(sentence)
        exact = self.equal.get(said)
        if exact is not None:
            return exact
        return next((answer for word, answer in self.contained if word in said), None)


EMPTY = Book()


def book_of(
    *,
    welcome: Answer | None,
    keywords: Iterable[Keywords],
    by_scene: Mapping[str, str] = MappingProxyType({}),
    by_click: Mapping[str, str] = MappingProxyType({}),
) -> Book:
    """Make a book: keywords in their order, texts of codes by scene and of the menu by key."""
    equal: dict[str, Answer] = {}
    contained: list[tuple[str, Answer]] = []
    for one in keywords:
        for word in one.words:
            if one.match == EQUAL:
                equal.setdefault(word, one.answer)
            else:
                contained.append((word, one.answer))
    return Book(
        welcome,
        {scene: text_answer(text) for scene, text in by_scene.items()},
        {key: text_answer(text) for key, text in by_click.items()},
        equal,
        tuple(contained),
    )


def text_answer(text: str, rule_id: int | None = None) -> Answer:
    """Answer with words."""
    return Answer(TextReply(text), Automatic("text", plain(text)), rule_id)


def picture_answer(picture: Picture, rule_id: int | None = None) -> Answer:
    """Answer with a picture."""
    size = {"width": picture.width, "height": picture.height}
    return Answer(ImageReply(picture.media_id), Automatic("image", None, size, picture.file), rule_id)


def card_answer(card: Card, rule_id: int | None = None) -> Answer:
    """Answer with a card."""
    return Answer(NewsReply([card]), Automatic("link", card.title, {"url": card.url}), rule_id)
