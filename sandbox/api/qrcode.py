"""QR codes with a scene, their picture, and short keys (WeChat §6)."""

import io
from typing import Any

import qrcode
from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.codes import CodesUsedUp

blueprint = Blueprint("qrcode", __name__, url_prefix="/cgi-bin")

TEMPORARY = ("QR_SCENE", "QR_STR_SCENE")
PERMANENT = ("QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE")
LONGEST = 2_592_000  # seconds, 30 days
DEFAULT = 60  # seconds when none are given; other pages say 30
LARGEST_ID = {"QR_SCENE": 2**32 - 1, "QR_LIMIT_SCENE": 100_000}
LONGEST_SCENE = 64  # characters
LONGEST_DATA = 4096  # bytes behind a short key


@blueprint.post("/qrcode/create")
def create() -> Response:
    """A code for a scene: temporary with its seconds, or permanent."""
    account, data = wire.caller(), wire.body()
    action = data.get("action_name")
    if action not in TEMPORARY + PERMANENT:
        raise WeChatError(40052)
    scene = _scene(action, data)
    seconds = _seconds(data, DEFAULT) if action in TEMPORARY else None
    try:
        code = state().codes.create(account.appid, scene, seconds=seconds)
    except CodesUsedUp as error:
        raise WeChatError(40053) from error
    ends = {"expire_seconds": seconds} if seconds else {}
    return wire.answer({"ticket": code.ticket, **ends, "url": code.url})


@blueprint.get("/showqrcode")
def show() -> Response:
    """The picture of a code, for anybody; HTTP 404 for a bad or expired ticket."""
    code = state().codes.by_ticket(request.args.get("ticket", ""))
    if code is None or state().codes.is_over(code):
        return Response(status=404)
    return Response(_picture(code.url), content_type="image/jpg")


@blueprint.post("/shorten/gen")
def shorten() -> Response:
    """A short key for up to 4 KB of text."""
    account, data = wire.caller(), wire.body()
    long_data = data.get("long_data")
    if not isinstance(long_data, str) or not long_data or len(long_data.encode()) > LONGEST_DATA:
        raise WeChatError(9410010)
    seconds = data.get("expire_seconds", LONGEST)
    if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST:
        raise WeChatError(9410011)
    return wire.ok(short_key=state().codes.shorten(account.appid, long_data, seconds=seconds))


@blueprint.post("/shorten/fetch")
def unshorten() -> Response:
    """What a short key stands for, and the seconds it has left."""
    account, data = wire.caller(), wire.body()
    row = state().codes.unshorten(account.appid, str(data.get("short_key") or ""))
    left = int(row["expires_at"] - state().clock.now()) if row else 0
    if row is None or left <= 0:
        raise WeChatError(9410012)
    return wire.ok(long_data=row["long_data"], create_time=int(row["created_at"]), expire_seconds=left)


def _scene(action: str, data: dict[str, Any]) -> str:
    info = data.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise WeChatError(40053)
    if action not in LARGEST_ID:
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_SCENE:
            raise WeChatError(40053)
        return text
    number = scene.get("scene_id")
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LARGEST_ID[action]:
        raise WeChatError(40053)
    return str(number)


def _seconds(data: dict[str, Any], default: int) -> int:
    seconds = data.get("expire_seconds", default)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= LONGEST:
        raise WeChatError(40035)
    return seconds


def _picture(text: str) -> bytes:
    file = io.BytesIO()
    image = qrcode.make(text, error_correction=qrcode.constants.ERROR_CORRECT_M, border=2)
    image.get_image().convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()
