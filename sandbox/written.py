"""What people write: the nodes of the push and the bubble in their own chat (WeChat §1)."""

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sandbox import filetypes
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.media import Media

Data = dict[str, Any]
DEFAULT_SCALE = 16  # of a map
NUMBER = re.compile(r"[0-9]{1,18}")


class BadMessage(ValueError):
    """The message lacks something; the text says what."""


@dataclass(frozen=True)
class Written:
    """A message of a person."""

    nodes: Data  # from MsgType on, without the MsgId
    shown: Data  # the body of the inbox entry


def read(account: Account, data: Data, *, host: str) -> Written:
    """A message as the control API takes it; files become media of the account.

    `file` holds bytes, or base64 in text; `host` is the address under which servers fetch pictures.

    Raises:
        BadMessage: an unknown `msgtype`, or a field is missing or malformed.
    """
    msgtype = str(data.get("msgtype") or "text")
    if msgtype not in READERS:
        raise BadMessage(f"msgtype must be one of {', '.join(READERS)}")
    return READERS[msgtype](account, data, host)


def file_of(data: Data) -> bytes:
    """The bytes in the field `file`.

    Raises:
        BadMessage: there are none, or they are no base64.
    """
    given = data.get("file")
    if isinstance(given, bytes) and given:
        return given
    if not isinstance(given, str) or not given:
        raise BadMessage("file must hold the file in base64")
    try:
        return base64.b64decode(given, validate=True)
    except ValueError as error:
        raise BadMessage("file is no base64") from error


def checksum(data: Data) -> str:
    """The MD5 of the field `file`, as picture events of menus carry it."""
    return hashlib.md5(file_of(data), usedforsecurity=False).hexdigest()


def _text(_account: Account, data: Data, _host: str) -> Written:
    content = _string(data, "content")
    return Written({"MsgType": "text", "Content": content}, {"content": content})


def _msgmenu(_account: Account, data: Data, _host: str) -> Written:
    content, menu_id = _string(data, "content"), str(data.get("menu_id") or "")
    if not menu_id:
        raise BadMessage("menu_id must not be empty")
    shown_id = int(menu_id) if NUMBER.fullmatch(menu_id) else menu_id
    nodes = {"MsgType": "text", "Content": content, "bizmsgmenuid": shown_id}
    return Written(nodes, {"content": content})


def _image(account: Account, data: Data, host: str) -> Written:
    picture = _keep(account, data, "image", kept_as="image")
    nodes = {"MsgType": "image", "PicUrl": f"{host}{picture.path}", "MediaId": picture.media_id}
    return Written(nodes, {"media_id": picture.media_id, "url": picture.path})


def _voice(account: Account, data: Data, _host: str) -> Written:
    sound = _keep(account, data, "voice", kept_as="voice")
    format_ = "amr" if sound.mime == filetypes.AMR.mime else "speex"
    nodes = {"MsgType": "voice", "MediaId": sound.media_id, "Format": format_}
    if data.get("recognition"):
        nodes["Recognition"] = str(data["recognition"])
    return Written(nodes, {"media_id": sound.media_id, "url": sound.path})


def _video(account: Account, data: Data, _host: str) -> Written:
    msgtype = str(data["msgtype"])
    film = _keep(account, data, msgtype, kept_as="video")
    thumb = state().media.add(account.appid, type="thumb", mime=filetypes.JPG.mime, content=_grey_picture())
    nodes = {"MsgType": msgtype, "MediaId": film.media_id, "ThumbMediaId": thumb.media_id}
    shown = {"media_id": film.media_id, "url": film.path, "thumb_url": thumb.path}
    return Written(nodes, shown)


def _location(_account: Account, data: Data, _host: str) -> Written:
    place = place_of(data)
    nodes = {
        "MsgType": "location",
        "Location_X": place["latitude"],
        "Location_Y": place["longitude"],
        "Scale": place["scale"],
        "Label": place["label"],
    }
    return Written(nodes, place)


def _link(_account: Account, data: Data, _host: str) -> Written:
    title, url, description = _string(data, "title"), _string(data, "url"), str(data.get("description") or "")
    return Written(
        {"MsgType": "link", "Title": title, "Description": description, "Url": url},
        {"title": title, "description": description, "url": url},
    )


READERS: dict[str, Callable[[Account, Data, str], Written]] = {
    "text": _text,
    "image": _image,
    "voice": _voice,
    "video": _video,
    "shortvideo": _video,
    "location": _location,
    "link": _link,
    "msgmenu": _msgmenu,
}


def place_of(data: Data) -> Data:
    """`latitude`, `longitude`, `scale` and `label` of a place.

    Raises:
        BadMessage: the two degrees are not both numbers.
    """
    degrees = {key: data.get(key) for key in ("latitude", "longitude")}
    scale = data.get("scale", DEFAULT_SCALE)
    if not all(isinstance(value, int | float) for value in (*degrees.values(), scale)):
        raise BadMessage("latitude, longitude and scale must be numbers")
    return {**degrees, "scale": scale, "label": str(data.get("label") or "")}


def _string(data: Data, key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadMessage(f"{key} must not be empty")
    return value


def _keep(account: Account, data: Data, msgtype: str, *, kept_as: str) -> Media:
    content = file_of(data)
    try:
        kind = filetypes.checked(content, filetypes.WRITTEN[msgtype])
    except filetypes.WrongType as error:
        names = ", ".join(file.name for file in filetypes.WRITTEN[msgtype].files)
        raise BadMessage(f"the file of a {msgtype} must be one of {names}") from error
    except filetypes.TooLarge as error:
        raise BadMessage("the file is too large") from error
    return state().media.add(account.appid, type=kept_as, mime=kind.mime, content=content)


def _grey_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (160, 120), "#888").save(file, "JPEG")
    return file.getvalue()
