"""What is answered to what: the book, and what a reply may hold."""

from __future__ import annotations

import pytest

from engage.accounts.rules import linked
from engage.chat.reading import Automatic
from engage.replies import book, rules
from engage.replies.book import Book, Keywords, book_of, text_answer
from engage.replies.rules import CONTAINS, EQUAL, Content, Piece, normal, pieces
from engage.wechat import messages
from engage.wechat.replies import Card
from tests.wechat.pushes import event, message

PAGES = "https://a.example/p/kangmei"


def keywords(match: str, *words: str, says: str) -> Keywords:
    """Make a reply to words."""
    return Keywords(match, [normal(word) for word in words], text_answer(says))


BOOK = book_of(
    welcome=text_answer("welcome"),
    keywords=[
        keywords(CONTAINS, "洗牙", says="cleaning"),
        keywords(CONTAINS, "价格", "Price", says="price"),
        keywords(EQUAL, "洗牙价格", says="exact"),
        keywords(CONTAINS, "洗牙价", says="never: 洗牙 stands before it"),
    ],
    by_scene={"c1": "code"},
    by_click={"r:1": "menu"},
)


def said(sentence: str, of: Book = BOOK) -> str | None:
    """Give what is answered to a sentence."""
    answer = of.answer_to(sentence)
    return None if answer is None else answer.reply.content


@pytest.mark.parametrize(
    ("sentence", "answered"),
    [
        ("请问洗牙多少钱", "cleaning"),
        ("洗牙价格", "exact"),  # equal goes before contained, wherever it stands
        (" 洗牙价格 ", "exact"),
        ("洗牙价格是多少", "cleaning"),  # both are contained: the first counts
        ("价格？", "price"),
        ("the PRICE please", "price"),
        ("ｐｒｉｃｅ", "price"),  # wide letters
        ("你好", None),
        ("", None),
    ],
)
def test_the_first_hit_counts_and_equal_goes_before_contained(sentence, answered):
    assert said(sentence) == answered


def test_an_empty_book_answers_nothing():
    assert said("价格", book.EMPTY) is None


@pytest.mark.parametrize(
    ("xml", "answered"),
    [
        (event("subscribe"), "welcome"),
        (event("subscribe", rest="<EventKey>qrscene_c1</EventKey><Ticket>t</Ticket>"), "code"),
        (event("subscribe", rest="<EventKey>qrscene_c2</EventKey><Ticket>t</Ticket>"), "welcome"),
        (event("SCAN", rest="<EventKey>c1</EventKey><Ticket>t</Ticket>"), "code"),
        (event("SCAN", rest="<EventKey>c2</EventKey><Ticket>t</Ticket>"), None),
        (event("CLICK", rest="<EventKey>r:1</EventKey>"), "menu"),
        (event("CLICK", rest="<EventKey>r:2</EventKey>"), None),
        (event("unsubscribe"), None),
        (message(rest="<Content>价格</Content><MsgId>1</MsgId>"), "price"),
        (message(kind="image", rest="<PicUrl>u</PicUrl><MediaId>m</MediaId><MsgId>2</MsgId>"), None),
    ],
)
def test_each_kind_of_push_has_its_page_in_the_book(xml, answered):
    answer = BOOK.answer(messages.parse(xml))
    assert (answer.reply.content if answer else None) == answered


def test_the_conversation_shows_what_was_answered():
    picture = book.picture_answer(book.Picture("media", "file", 3, 2), 7)
    assert picture.shown == Automatic("image", None, {"width": 3, "height": 2}, "file")
    card = book.card_answer(Card("title", "text", "picture", "https://a.example"))
    assert card.shown == Automatic("link", "title", {"url": "https://a.example"})
    link = text_answer('see <a href="https://a.example">here</a>')
    assert link.shown == Automatic("text", "see here")


def test_places_become_addresses_and_other_braces_stay():
    assert linked("{booking} {bind} {other}", PAGES) == f"{PAGES}/booking {PAGES}/bind {{other}}"


def test_a_text_is_taken_apart_as_a_phone_does():
    text = '您好，<a href="{booking}">预约</a> <b>现在</b>'
    assert pieces(text) == [Piece("您好，"), Piece("预约", "{booking}"), Piece(" <b>现在</b>")]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("价格\n多少钱", ["价格", "多少钱"]),
        (" 价格，费用, 多少钱 ;price；PRICE、", ["价格", "费用", "多少钱", "price"]),
        ("\n , \n", []),
    ],
)
def test_words_are_read_as_they_are_typed_and_each_counts_once(typed, words):
    assert rules.read_words(typed) == words


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (Content("text", "您好"), set()),
        (Content("text", "  "), {"text"}),
        (Content("text", "x" * 600), set()),
        (Content("text", "x" * 601), {"text"}),
        (Content("text", "{booking}" * 20), {"text"}),  # its addresses are longer than WeChat takes
        (Content("text", "牙" * 600), set()),
        (Content("text", "a\x07b"), {"text"}),
        (Content("image", file="f"), set()),
        (Content("image"), {"picture"}),
        (Content("news", "", "标题", "https://a.example/x"), set()),
        (Content("news", "", "标题", "{booking}"), set()),
        (Content("news", "", "标题", "{nowhere}"), {"url"}),
        (Content("news", "", "标题", "http://a.example"), {"url"}),
        (Content("news", "", "标题", "javascript:alert(1)"), {"url"}),
        (Content("news", "", "标题", "https://a.example/" + "x" * 1024), {"url"}),
        (Content("news", "x" * 101, "", "https://a.example"), {"title", "text"}),
        (Content("coupon", coupon_id=1), set()),
        (Content("coupon"), {"coupon"}),
        (Content("voice"), {"kind"}),
    ],
)
def test_what_a_reply_may_hold(content, wrong):
    assert set(rules.problems(content)) == wrong


@pytest.mark.parametrize(
    ("words", "is_wrong"),
    [([], True), (["x" * 30], False), (["x" * 31], True), (["x"] * 20, False), (["x"] * 21, True)],
)
def test_how_many_words_a_reply_answers(words, is_wrong):
    assert bool(rules.wrong_words(words)) == is_wrong
