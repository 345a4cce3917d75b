"""An account with its fans, its replies, and WeChat pushing to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engage.audit.services import OPERATOR
from engage.blueprints.hooks import endpoints
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.replies import services
from engage.replies.models import ReplyRule
from engage.replies.rules import CONTAINS, Content
from engage.replies.services import NewReply
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.wechat.pushes import Sender


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


@pytest.fixture
def session(scene: Scene, session: Session) -> Session:
    """The test's session, once the scene is set."""
    return session


@pytest.fixture
def wechat(scene: Scene) -> Sender:
    return Sender(scene.chain)


def says(text: str, *words: str, match: str = CONTAINS, is_on: bool = True) -> NewReply:
    """Give a reply of words to words."""
    return NewReply(Content("text", text), match, list(words), is_on)


@contextmanager
def within(scene: Scene) -> Iterator[Session]:
    """Work on the chain's rows, committed; what the callback remembers of the account is forgotten."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        yield session
    endpoints._remembered.clear()


def added(scene: Scene, *new: NewReply) -> list[ReplyRule]:
    """Add replies."""
    with within(scene) as session:
        return [services.add(session, scene.account_id, one, by=OPERATOR, now=clock.now()) for one in new]
