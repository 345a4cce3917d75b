"""Temporary media, pictures for articles, permanent material (WeChat §10)."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.state import State
from sandbox.state.media import ARTICLE, LIFETIME, PERMANENT
from tests.sandbox import files
from tests.sandbox.conftest import Callback, Chat, Sandbox, begin_chat

UPLOAD, ADD = "/cgi-bin/media/upload", "/cgi-bin/material/add_material"
MB = 1024 * 1024

# type, bytes, errcode (None: taken)
UPLOADS: list[tuple[str, bytes, int | None]] = [
    ("image", files.PNG, None),
    ("image", files.JPG, None),
    ("image", files.GIF, None),
    ("image", files.BMP, 40005),
    ("image", files.MP4, 40005),
    ("image", files.TEXT, 40005),
    ("image", files.picture("PNG", 10 * MB), None),
    ("image", files.picture("PNG", 10 * MB + 1), 40006),
    ("voice", files.AMR, None),
    ("voice", files.MP3, None),
    ("voice", files.AMR.ljust(2 * MB + 1, b"\0"), 40006),
    ("voice", files.MP4, 40005),
    ("video", files.MP4, None),
    ("video", files.MP4.ljust(10 * MB + 1, b"\0"), 40006),
    ("thumb", files.JPG, None),
    ("thumb", files.PNG, 40005),
    ("thumb", files.picture("JPEG", 64 * 1024 + 1), 40006),
    ("film", files.MP4, 40004),
    ("", files.PNG, 40004),
]


@pytest.mark.parametrize(("type_", "content", "errcode"), UPLOADS)
def test_what_may_be_uploaded(chat: Chat, type_: str, content: bytes, errcode: int | None) -> None:
    answer = chat.upload(UPLOAD, content, type=type_)
    assert answer.get("errcode") == errcode
    if errcode is None:
        assert answer["type"] == type_
        assert set(answer) == {"type", "thumb_media_id" if type_ == "thumb" else "media_id", "created_at"}


def fetch(chat: Chat, path: str, **params: Any) -> requests.Response:
    query = {"access_token": chat.token, **params}
    return chat.sandbox.http.get(chat.sandbox.url + path, params=query, timeout=10)


def test_a_picture_comes_back_as_bytes_and_a_video_as_an_address(chat: Chat) -> None:
    picture = chat.upload(UPLOAD, files.PNG, type="image")["media_id"]
    got = fetch(chat, "/cgi-bin/media/get", media_id=picture)
    assert (got.content, got.headers["Content-Type"]) == (files.PNG, "image/png")
    assert got.headers["Content-disposition"].startswith('attachment; filename="')
    film = chat.upload(UPLOAD, files.MP4, type="video")["media_id"]
    answer = chat.ask("/cgi-bin/media/get", media_id=film)
    assert requests.get(answer["video_url"], timeout=5).content == files.MP4
    assert chat.ask("/cgi-bin/media/get", media_id="unknown")["errcode"] == 40007
    assert chat.ask("/cgi-bin/media/get")["errcode"] == 40007


def test_media_belong_to_their_account(sandbox: Sandbox, callback: Callback, chat: Chat) -> None:
    picture = chat.upload(UPLOAD, files.PNG, type="image")["media_id"]
    other = begin_chat(sandbox, callback.url)
    assert other.ask("/cgi-bin/media/get", media_id=picture)["errcode"] == 40007
    body = {"touser": other.openid, "msgtype": "image", "image": {"media_id": picture}}
    assert other.api("/cgi-bin/message/custom/send", body)["errcode"] == 40007
    voice = {"touser": chat.openid, "msgtype": "voice", "voice": {"media_id": picture}}
    assert chat.api("/cgi-bin/message/custom/send", voice)["errcode"] == 40007


def test_a_file_must_come_under_its_name_in_ascii(chat: Chat) -> None:
    url, params = f"{chat.sandbox.url}{UPLOAD}", {"access_token": chat.token, "type": "image"}

    def raw(name: str) -> Any:
        head = f'Content-Disposition: form-data; name="media"; {name}\r\nContent-Type: image/png\r\n\r\n'
        body = b"--edge\r\n" + head.encode() + files.PNG + b"\r\n--edge--\r\n"
        form = {"Content-Type": "multipart/form-data; boundary=edge"}
        return chat.sandbox.http.post(url, params=params, data=body, headers=form, timeout=5).json()

    assert "media_id" in raw('filename="a.png"')
    assert raw("filename*=utf-8''%E7%89%99.png")["errcode"] == 41005
    for sent in ({"file": ("a.png", files.PNG)}, {"media": (None, files.PNG)}):
        answer = chat.sandbox.http.post(url, params=params, files=sent, timeout=5).json()
        assert answer["errcode"] == 41005
    assert chat.sandbox.http.post(url, params=params, timeout=5).json()["errcode"] == 41005


def test_pictures_for_articles_have_only_an_address(chat: Chat) -> None:
    answer = chat.upload("/cgi-bin/media/uploadimg", files.JPG)
    assert set(answer) == {"url"}
    assert requests.get(answer["url"], timeout=5).content == files.JPG
    media_id = answer["url"].rpartition("/")[2]
    assert chat.ask("/cgi-bin/media/get", media_id=media_id)["errcode"] == 40007
    assert chat.upload("/cgi-bin/media/uploadimg", files.GIF)["errcode"] == 40005
    assert chat.upload("/cgi-bin/media/uploadimg", files.picture("PNG", MB + 1))["errcode"] == 40006


def test_material_is_kept_listed_and_thrown_away(chat: Chat) -> None:
    first = chat.upload(ADD, files.BMP, name="a.bmp", type="image")
    second = chat.upload(ADD, files.PNG, name="b.png", type="image")
    assert requests.get(first["url"], timeout=5).content == files.BMP
    film = chat.sandbox.http.post(
        chat.sandbox.url + ADD,
        params={"access_token": chat.token, "type": "video"},
        files={"media": ("v.mp4", files.MP4)},
        data={"description": json.dumps({"title": "刷牙", "introduction": "两分钟"})},
        timeout=5,
    ).json()
    assert set(film) == {"media_id"}
    assert chat.ask("/cgi-bin/material/get_materialcount") == {
        "voice_count": 0,
        "video_count": 1,
        "image_count": 2,
        "news_count": 0,
    }
    texts = chat.api("/cgi-bin/material/get_material", {"media_id": film["media_id"]})
    assert (texts["title"], texts["description"]) == ("刷牙", "两分钟")
    assert requests.get(texts["down_url"], timeout=5).content == files.MP4
    page = chat.api("/cgi-bin/material/batchget_material", {"type": "image", "offset": 0, "count": 1})
    assert (page["total_count"], page["item_count"]) == (2, 1)
    assert [(item["media_id"], item["name"]) for item in page["item"]] == [(second["media_id"], "b.png")]
    gone = {"media_id": first["media_id"]}
    assert chat.api("/cgi-bin/material/del_material", gone)["errcode"] == 0
    assert chat.api("/cgi-bin/material/del_material", gone)["errcode"] == 40007
    assert chat.api("/cgi-bin/material/get_material", gone)["errcode"] == 40007
    assert chat.ask("/cgi-bin/media/get", media_id=second["media_id"])["errcode"] == 40007
    chat.act("send", content="hi")
    image = {"touser": chat.openid, "msgtype": "image", "image": {"media_id": second["media_id"]}}
    assert chat.api("/cgi-bin/message/custom/send", image)["errcode"] == 0


@pytest.mark.parametrize(
    ("data", "errcode"),
    [
        ({"type": "film", "offset": 0, "count": 1}, 40004),
        ({"type": "image", "offset": 0, "count": 0}, 40035),
        ({"type": "image", "offset": 0, "count": 21}, 40035),
        ({"type": "image", "offset": -1, "count": 1}, 40035),
        ({"type": "image", "offset": 0}, 40035),
        ({"type": "news", "offset": 0, "count": 20}, None),
    ],
)
def test_pages_of_material(chat: Chat, data: dict[str, Any], errcode: int | None) -> None:
    assert chat.api("/cgi-bin/material/batchget_material", data).get("errcode") == errcode


def test_a_video_needs_its_texts(chat: Chat) -> None:
    assert chat.upload(ADD, files.MP4, type="video")["errcode"] == 47001
    assert chat.upload(ADD, files.MP4, type="film")["errcode"] == 40004


def test_temporary_media_last_three_days(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")

    def keep(keeping: str) -> str:
        return state.media.add(
            "wx1", type="image", mime="image/png", content=files.PNG, keeping=keeping
        ).media_id

    temporary, permanent, article = keep("temporary"), keep(PERMANENT), keep(ARTICLE)
    state.clock.advance(LIFETIME - 10)
    assert state.media.usable("wx1", temporary, "image")
    state.clock.advance(11)
    assert state.media.usable("wx1", temporary, "image") is None
    again = State(tmp_path / "state.sqlite")  # the file keeps bytes and clock
    assert again.media.usable("wx1", temporary, "image") is None
    assert again.media.usable("wx1", permanent, "image")
    assert again.media.usable("wx1", article, "image") is None
    assert again.media.content(temporary) == files.PNG


def test_an_expired_id_is_refused_and_its_picture_still_shown(tmp_path: Path) -> None:
    """On a sandbox of its own, whose clock may move."""
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    try:
        chat = begin_chat(sandbox, "http://127.0.0.1:9/hooks")
        picture = chat.upload(UPLOAD, files.PNG, type="image")["media_id"]
        sandbox.control("/clock", {"advance_seconds": LIFETIME + 1})
        chat.token = sandbox.token(chat.account)
        assert chat.ask("/cgi-bin/media/get", media_id=picture)["errcode"] == 40007
        shown = sandbox.http.get(f"{sandbox.url}/sandbox/media/{picture}", timeout=5)
        assert shown.content == files.PNG
        assert sandbox.http.get(f"{sandbox.url}/sandbox/media/unknown", timeout=5).status_code == 404
    finally:
        sandbox.stop()
