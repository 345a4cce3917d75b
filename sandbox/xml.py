"""WeChat's XML: strings in CDATA, numbers bare, lists as `item` (WeChat §1)."""

import re
from typing import Any
from xml.etree import ElementTree

# Control characters and the like, which no document may hold, escaped or not.
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadXml(ValueError):
    """No XML document with the root `xml`."""


def build(fields: dict[str, Any]) -> str:
    """The document of these nodes, in their order."""
    return f"<xml>{_nodes(fields)}</xml>"


def parse(text: str) -> dict[str, Any]:
    """The nodes of a document; repeated `item` nodes become a list.

    Raises:
        BadXml: not well-formed, nested without end, or another root.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 only the developer's own replies are parsed
    except ElementTree.ParseError as error:
        raise BadXml(str(error)) from error
    if root.tag != "xml":
        raise BadXml(f"the root is {root.tag}")
    try:
        return {node.tag: _value(node) for node in root}
    except RecursionError as error:
        raise BadXml("nodes without end in each other") from error


def _nodes(fields: dict[str, Any]) -> str:
    return "".join(f"<{tag}>{_content(value)}</{tag}>" for tag, value in fields.items())


def _content(value: Any) -> str:
    if isinstance(value, dict):
        return _nodes(value)
    if isinstance(value, list):
        return "".join(f"<item>{_content(item)}</item>" for item in value)
    if isinstance(value, int | float):
        return str(value)
    text = NOT_XML.sub("", str(value))
    # CDATA cannot hold its own end: split it over two sections.
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _value(node: ElementTree.Element) -> Any:
    if not len(node):
        return node.text or ""
    if all(child.tag == "item" for child in node):
        return [_value(child) for child in node]
    return {child.tag: _value(child) for child in node}
