"""Automatic replies keep nothing of people; their pictures are files that stay while a reply names them."""

from __future__ import annotations

from engage.kernel.people import Holder
from engage.replies.models import ReplyPicture, ReplyRule

HOLDER = Holder("replies", (), files=(ReplyPicture.file, ReplyRule.file))
