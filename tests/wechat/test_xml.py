"""Reading and writing WeChat's XML: its shapes, and what is sent to do harm (R12)."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from xml.etree import ElementTree

import pytest

from engage.kernel.errors import Malformed
from engage.wechat import xml

FULL = 64 * 1024


def filled(begin: str, unit: str, end: str) -> bytes:
    """Give a body as long as one may be, mostly of one piece repeated."""
    return (begin + unit * ((FULL - len(begin) - len(end)) // len(unit)) + end).encode()


@pytest.mark.parametrize(
    ("body", "nodes"),
    [
        ("<xml><a>1</a><b><![CDATA[<2>]]></b></xml>", {"a": "1", "b": "<2>"}),
        ("<xml><a/><b></b><c><![CDATA[]]></c></xml>", {"a": "", "b": "", "c": ""}),
        ("<xml>\n  <a>\n    <b>1</b>\n  </a>\n</xml>\n", {"a": {"b": "1"}}),
        ("<xml><a>1</a><a>2</a><a>3</a></xml>", {"a": ["1", "2", "3"]}),
        ("<xml><a/><a><b>1</b></a></xml>", {"a": ["", {"b": "1"}]}),
        ("<xml><a>1<![CDATA[2]]>3 &amp; &#20013;</a></xml>", {"a": "123 & 中"}),
        ("<xml><a> 1 </a></xml>", {"a": " 1 "}),
        ("<xml><a lang='zh'>1<b/></a></xml>", {"a": {"b": ""}}),
        ("<?xml version='1.0' encoding='UTF-8'?>\n<xml><a>喵</a></xml>", {"a": "喵"}),
        ("\ufeff<xml><a>1</a></xml>", {"a": "1"}),
        ("<?xml version='1.0' encoding='gbk'?><xml><a>喵</a></xml>", {"a": "喵"}),
    ],
)
def test_the_shapes_of_nodes(body: str, nodes: object) -> None:
    assert xml.read(body.encode()) == nodes


DEEP = "<xml>" + "<a>" * 9 + "1" + "</a>" * 9 + "</xml>"


def test_ten_deep_is_read_and_eleven_is_not() -> None:
    assert xml.read(DEEP.encode())
    with pytest.raises(Malformed):
        xml.read(DEEP.replace("1", "<a>1</a>").encode())


LAUGHS = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
HARMFUL = {
    "empty": b"",
    "not XML": b"not xml",
    "JSON": b'{"ToUserName": "gh_1"}',
    "another root": b"<html/>",
    "a text in xml": b"<xml>text</xml>",
    "two roots": b"<xml><a/></xml><xml><a/></xml>",
    "cut": b"<xml><a>1</a>",
    "document type": b"<!DOCTYPE xml><xml><a>1</a></xml>",
    "document type, oddly written": b"\n<!DOCTYPE\nxml [ ]><xml><a>1</a></xml>",
    "external entity": b"<!DOCTYPE xml [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><a>&e;</a></xml>",
    "external document type": b"<!DOCTYPE xml SYSTEM 'http://127.0.0.1:9/a.dtd'><xml><a>1</a></xml>",
    "billion laughs": f"<!DOCTYPE xml [<!ENTITY e0 'ha'>{LAUGHS}]><xml><a>&e9;</a></xml>".encode(),
    "an entity nobody declared": b"<xml><a>&e;</a></xml>",
    "100,000 deep": b"<xml>" + b"<a>" * 100_000,
    "bad UTF-8": b"<xml><a>\xff\xfe</a></xml>",
    "half a character": b"<xml><a>\xe4\xb8</a></xml>",
    "a surrogate": b"<xml><a>\xed\xa0\x80</a></xml>",
    "NUL": b"<xml><a>\x00</a></xml>",
    "UTF-16": "<xml><a>1</a></xml>".encode("utf-16"),
    "a codec for a bomb": b"<?xml version='1.0' encoding='zlib'?><xml><a>\x00</a></xml>",
    "many attributes": filled("<xml", " a='1'", "/>"),
    "many different attributes": ("<xml " + " ".join(f"a{n}=''" for n in range(6000)) + "/>").encode(),
    "many open nodes beside each other": filled("<xml>", "<a><b>", ""),
}
HEAVY = {
    "many empty nodes": filled("<xml>", "<a/>", "</xml>"),
    "many different nodes": ("<xml>" + "".join(f"<a{n}/>" for n in range(7000)) + "</xml>").encode(),
    "many references": filled("<xml><a>", "&amp;", "</a></xml>"),
    "many comments": filled("<xml><a>", "x<!---->", "</a></xml>"),
    "many instructions": filled("<xml><a>", "x<?y z?>", "</a></xml>"),
    "many pieces of CDATA": filled("<xml><a>", "x<![CDATA[y]]>", "</a></xml>"),
    "one long text": filled("<xml><a>", "中", "</a></xml>")[:FULL],
    "one long name": filled("<", "xml", "><a/></xml>"),
}


@pytest.mark.parametrize("body", HARMFUL.values(), ids=HARMFUL)
def test_what_is_sent_to_do_harm_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        xml.read(body)


@pytest.mark.parametrize("body", [*HARMFUL.values(), *HEAVY.values()], ids=[*HARMFUL, *HEAVY])
def test_reading_costs_little_whatever_comes(body: bytes) -> None:
    """At most 50 ms and 20 MB; time of this thread, since the machine may be busy with others."""
    assert _seconds(body) < 0.050
    tracemalloc.start()
    _seconds(body)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 1024 * 1024


def _seconds(body: bytes) -> float:
    begun = time.thread_time()
    with contextlib.suppress(Malformed):
        xml.read(body)
    return time.thread_time() - begun


@pytest.mark.parametrize(
    "text", ["", "]]>", "]]]]>>", "a]]>b]]>c", "<b>&amp;</b>", "两行\n", "😀", "]]", ">"]
)
def test_any_text_survives_as_cdata(text: str) -> None:
    node = ElementTree.fromstring(f"<a>{xml.cdata(text)}</a>")  # noqa: S314 our own
    assert (node.text or "") == text


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert xml.cdata("a\x00\x08\ud800\ufffe\uffffb\t") == "<![CDATA[ab\t]]>"
    # Left out first: nothing may come together to an end of CDATA afterwards.
    assert xml.cdata("]\x00]\x00>") == "<![CDATA[]]]]><![CDATA[>]]>"
