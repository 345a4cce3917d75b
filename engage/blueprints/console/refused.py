"""What is wrong with a form, in words."""

from __future__ import annotations

from itertools import chain

from flask_babel import gettext
from marshmallow import ValidationError


def sentences(error: ValidationError) -> dict[str, list[str]]:
    """Give what is wrong with each field, in the language of the answer; with a list, each sentence once."""
    found = {}
    for name, said in error.messages_dict.items():
        texts = chain.from_iterable(said.values()) if isinstance(said, dict) else said
        found[name] = [gettext(text) for text in dict.fromkeys(texts)]
    return found
