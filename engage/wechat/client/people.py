"""Fans, their tags, QR codes, and who opens a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from engage.wechat.answers import OpenidPage, Profile, QrCode, Tag, User, Visitor
from engage.wechat.client.base import Calls
from engage.wechat.client.transport import Answer, understood
from engage.wechat.gateway import Credentials

# So many a call (WeChat §5).
MOST_USERS, MOST_TAGGED, MOST_BLOCKED = 100, 50, 20


class FanCalls(Calls):
    """Fans, tags and the black list (WeChat §5); each call as `Gateway` describes it.

    More openids than WeChat takes at once are a ValueError: nothing is asked.
    """

    def user(self, account: Credentials, openid: str) -> User:
        answer = self._client(account).user.get(openid)
        with understood():
            return _user(answer)

    def users(self, account: Credentials, openids: Sequence[str]) -> list[User]:
        rows = self._client(account).user.get_batch(_at_most(MOST_USERS, openids))
        with understood():
            return [_user(row) for row in rows]

    def followers(self, account: Credentials, *, after: str = "") -> OpenidPage:
        answer = self._client(account).user.get_followers(after or None)
        with understood():
            return _page(answer)

    def set_remark(self, account: Credentials, *, openid: str, remark: str) -> None:
        self._client(account).user.update_remark(openid, remark)

    def tags(self, account: Credentials) -> list[Tag]:
        rows = self._client(account).tag.get()
        with understood():
            return [_tag(row) for row in rows]

    def create_tag(self, account: Credentials, name: str) -> Tag:
        row = self._client(account).tag.create(name)
        with understood():
            return _tag(row)

    def rename_tag(self, account: Credentials, tag_id: int, name: str) -> None:
        self._client(account).tag.update(tag_id, name)

    def delete_tag(self, account: Credentials, tag_id: int) -> None:
        self._client(account).tag.delete(tag_id)

    def tag_users(self, account: Credentials, tag_id: int, openids: Sequence[str]) -> None:
        self._client(account).tag.tag_user(tag_id, _at_most(MOST_TAGGED, openids))

    def untag_users(self, account: Credentials, tag_id: int, openids: Sequence[str]) -> None:
        self._client(account).tag.untag_user(tag_id, _at_most(MOST_TAGGED, openids))

    def tags_of(self, account: Credentials, openid: str) -> list[int]:
        numbers = self._client(account).tag.get_user_tag(openid)
        with understood():
            return [int(number) for number in numbers]

    def block(self, account: Credentials, openids: Sequence[str]) -> None:
        self._client(account).tag.batch_black_list(_at_most(MOST_BLOCKED, openids))

    def unblock(self, account: Credentials, openids: Sequence[str]) -> None:
        self._client(account).tag.batch_unblack_list(_at_most(MOST_BLOCKED, openids))

    def blocked(self, account: Credentials, *, after: str = "") -> OpenidPage:
        answer = self._client(account).tag.get_black_list(after or None)
        with understood():
            return _page(answer)


class QrCalls(Calls):
    """Parametric QR codes (WeChat §6); each call as `Gateway` describes it."""

    def create_qr(self, account: Credentials, *, scene: str, seconds: int | None = None) -> QrCode:
        wanted: dict[str, Any] = {"action_info": {"scene": {"scene_str": scene}}}
        if seconds is None:
            wanted["action_name"] = "QR_LIMIT_STR_SCENE"
        else:
            wanted |= {"action_name": "QR_STR_SCENE", "expire_seconds": seconds}
        answer = self._client(account).qrcode.create(wanted)
        with understood():
            lives = int(answer["expire_seconds"]) if seconds is not None else None
            return QrCode(str(answer["ticket"]), str(answer["url"]), lives)

    def qr_image_url(self, ticket: str) -> str:
        return f"{self._mp_url}/cgi-bin/showqrcode?ticket={quote(ticket, safe='')}"


class VisitorCalls(Calls):
    """Web authorization (WeChat §8) and the script on pages (§9); each call as `Gateway` describes it."""

    def page_ticket(self, account: Credentials) -> str:
        return self._tickets.current(account)

    def visitor(self, account: Credentials, code: str) -> Visitor:
        with understood():
            answer = self._visitor_client(account).fetch_access_token(code)
            return Visitor(str(answer["openid"]), bool(answer.get("is_snapshotuser")))

    def profile(self, account: Credentials, code: str) -> Profile:
        with understood():
            client = self._visitor_client(account)
            answer = client.fetch_access_token(code)
            if answer.get("is_snapshotuser"):
                return Profile(str(answer["openid"]), "", "", "", is_snapshot=True)
            person = client.get_user_info()
            return Profile(
                str(person["openid"]),
                str(person.get("nickname") or ""),
                str(person.get("headimgurl") or ""),
                str(person.get("unionid") or answer.get("unionid") or ""),
            )


def _at_most(number: int, openids: Sequence[str]) -> list[str]:
    if len(openids) > number:
        raise ValueError(f"{len(openids)} openids at once; WeChat takes {number}")
    return list(openids)


def _user(row: Answer) -> User:
    if not row["subscribe"]:
        return User(str(row["openid"]), follows=False)
    return User(
        str(row["openid"]),
        follows=True,
        followed_at=dt.datetime.fromtimestamp(int(row["subscribe_time"]), dt.UTC),
        remark=str(row.get("remark") or ""),
        tag_ids=tuple(int(number) for number in row.get("tagid_list") or ()),
        came_by=str(row.get("subscribe_scene") or ""),
        scene=str(row.get("qr_scene_str") or row.get("qr_scene") or ""),
        unionid=str(row.get("unionid") or ""),
    )


def _page(answer: Answer) -> OpenidPage:
    """Read a page; the last one has no `data`, or none in it, and may yet name a next openid (WeChat §5)."""
    openids = tuple(str(openid) for openid in answer["data"]["openid"]) if answer.get("data") else ()
    total = int(answer.get("total") or 0)
    return OpenidPage(openids, total, str(answer.get("next_openid") or "") if openids else "")


def _tag(row: Answer) -> Tag:
    return Tag(int(row["id"]), str(row["name"]), int(row.get("count") or 0))
