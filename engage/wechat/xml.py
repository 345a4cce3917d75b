"""WeChat's XML, read and written (WeChat §1): small, shallow, always UTF-8, without document types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.parsers.expat import ExpatError, ParserCreate

from engage.kernel.errors import Malformed

Node: TypeAlias = "str | Mapping[str, Node] | Sequence[Node]"
Nodes: TypeAlias = Mapping[str, Node]

# The deepest that WeChat sends is five: PublishEventInfo/article_detail/item/idx inside xml.
DEEPEST = 10
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(body: bytes) -> Nodes:
    """Give what is inside `<xml>`, by name: a text, nodes again, or a list of what is there repeatedly.

    An empty node is an empty text. Text beside nodes and attributes are passed over: WeChat uses neither.

    Raises:
        Malformed: not XML, not inside `<xml>`, nested too deep, or with a document type. Without one
            there are no entities to expand.
    """
    # What is not UTF-8 expat refuses itself, but for UTF-16, which cannot do without this byte.
    if b"\x00" in body:
        raise Malformed
    tree = _Tree()
    # An encoding given here outdoes one declared in the body, which could name any codec of Python.
    parser = ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.StartDoctypeDeclHandler = tree.doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 expat takes it by place only
    except ExpatError as error:
        raise Malformed from error
    nodes = tree.open[0].get("xml")
    if not isinstance(nodes, dict):
        raise Malformed
    return nodes


def cdata(text: str) -> str:
    """Write any text as CDATA. Characters that XML cannot hold are left out; `]]>` survives."""
    return f"<![CDATA[{NOT_IN_XML.sub('', text).replace(']]>', ']]]]><![CDATA[>')}]]>"


class _Tree:
    """What expat has found so far: `open` holds the children of each node that is not closed yet."""

    __slots__ = ("open", "text")

    def __init__(self) -> None:
        self.open: list[dict[str, Node]] = [{}]
        self.text = ""

    def start(self, _name: str, _attributes: Mapping[str, str]) -> None:
        if len(self.open) > DEEPEST:
            raise Malformed
        self.open.append({})
        self.text = ""

    def characters(self, text: str) -> None:
        self.text += text

    def end(self, name: str) -> None:
        node: Node = self.open.pop() or self.text
        self.text = ""
        siblings = self.open[-1]
        earlier = siblings.get(name)
        if earlier is None:
            siblings[name] = node
        elif isinstance(earlier, list):
            earlier.append(node)
        else:
            siblings[name] = [earlier, node]

    def doctype(self, *_declared: object) -> None:
        raise Malformed
