"""The lane before Flask answers what the view would answer, and leaves it all else (ADR 0009)."""

from __future__ import annotations

import pytest

from engage.blueprints.hooks import lane
from tests.booking.scenes import make_scene
from tests.wechat.pushes import Sender, event, message


@pytest.fixture
def seen(app, monkeypatch):
    """Requests that came to Flask, by path."""
    paths, standing = [], app.wsgi_app

    def view(environ, start_response):
        paths.append(environ["PATH_INFO"])
        return standing(environ, start_response)

    monkeypatch.setattr(app, "wsgi_app", lane.Lane(app, view))
    return paths


def test_the_common_push_never_comes_to_flask(chain, client, seen):
    make_scene(chain, mode="safe", welcome="欢迎")
    wechat = Sender(chain, "safe")
    for push in (message(), event("subscribe", "o-1"), event("CLICK", "o-1", "<EventKey>A</EventKey>")):
        assert wechat.sign(push).send(client).status_code == 200
    assert seen == []


@pytest.mark.parametrize(
    "kind", ["a repeat", "a receipt", "forged", "malformed", "nobody's", "too large", "the check"]
)
def test_all_else_is_left_to_the_view(chain, client, seen, kind):
    make_scene(chain)
    push = Sender(chain, token="guessed" if kind == "forged" else "token").sign(message())
    finished = "<MsgID>1</MsgID><Status>success</Status>"
    status = 200
    match kind:
        case "a repeat":
            push.send(client)
            status = push.send(client).status_code
        case "a receipt":
            status = (
                Sender(chain).sign(event("TEMPLATESENDJOBFINISH", "o", finished)).send(client).status_code
            )
        case "forged":
            assert push.send(client).status_code == 403
        case "malformed":
            assert Sender(chain).sign(b"<xml>").send(client).status_code == 400
        case "nobody's":
            assert client.post("/hooks/wechat/nobody", data=push.body).status_code == 404
        case "too large":
            assert Sender(chain).sign(b"x" * 70_000).send(client).status_code == 400
        case "the check":
            status = client.get(push.path, query_string=push.query | {"echostr": "e"}).status_code
    assert status == 200
    assert len(seen) == 1


def test_who_comes_next_on_the_thread_is_logged_under_an_id_of_their_own(chain, client, seen):
    make_scene(chain)
    ids = [Sender(chain).sign(message()).send(client).headers["X-Request-Id"] for _ in range(2)]
    assert len(set(ids)) == 2
