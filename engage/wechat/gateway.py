"""What Engage asks of WeChat. `client` answers it over HTTP; nothing else talks to WeChat."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from engage.wechat.answers import (
    CallbackCheck,
    Media,
    OpenidPage,
    Profile,
    QrCode,
    Quota,
    Tag,
    Template,
    Usage,
    User,
    Visitor,
)
from engage.wechat.outcomes import NotSent, Outcome
from engage.wechat.outgoing import (
    Content,
    Image,
    Menu,
    MiniProgramPage,
    Music,
    News,
    Text,
    Video,
    Voice,
)
from engage.wechat.rules import QUOTA_SPENT, Trouble, trouble_of

__all__ = [
    "MAX_DOWNLOAD",
    "Buttons",
    "CallbackCheck",
    "Card",
    "Content",
    "Credentials",
    "Gateway",
    "Image",
    "Letter",
    "Media",
    "MediaKind",
    "Menu",
    "MiniProgramPage",
    "Music",
    "News",
    "OpenidPage",
    "Profile",
    "QrCode",
    "Quota",
    "QuotaSpent",
    "Tag",
    "Template",
    "Text",
    "Trouble",
    "Usage",
    "User",
    "Video",
    "Visitor",
    "Voice",
    "WeChatError",
    "WeChatUnreachable",
]

MediaKind = Literal["image", "voice", "video", "thumb"]
Buttons = Sequence[Mapping[str, Any]]

MAX_DOWNLOAD = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """An official account's app id and secret."""

    app_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Card:
    """What a template message says to everybody it goes to."""

    template_id: str
    fields: Mapping[str, str]
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """Whom a message goes to; `id` is the caller's own."""

    id: int
    openid: str
    client_msg_id: str


class WeChatError(Exception):
    """WeChat answered with an error, and nothing was done (WeChat §0); `answer` is all it said."""

    def __init__(self, errcode: int, errmsg: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(errcode, errmsg)
        self.errcode, self.errmsg, self.answer = errcode, errmsg, answer or {}

    @property
    def trouble(self) -> Trouble:
        """What the error asks for."""
        return trouble_of(self.errcode)

    @property
    def rid(self) -> str:
        """The number under which WeChat's support finds the call; empty where there is none."""
        found = re.search(r"rid: ([0-9a-f-]+)", self.errmsg)
        return found[1] if found else ""


class QuotaSpent(WeChatError):
    """The account's calls of this kind are used up until midnight in China (WeChat §11)."""

    def __init__(self, path: str, errmsg: str = "reach max api daily quota limit") -> None:
        super().__init__(QUOTA_SPENT, errmsg)
        self.path = path


class WeChatUnreachable(Exception):
    """No answer came, or none that can be read: what was asked may have been done or not."""


class Gateway(Protocol):
    """Calls to WeChat's API, one each; safe in threads, and no transaction should be open meanwhile.

    Raises, each of them:
        WeChatError: WeChat refused, or the call certainly never reached it (`Trouble.BUSY`).
        QuotaSpent: as one of them; then it did not go out, save the first that learnt it.
        WeChatUnreachable: whether it was done is not known.
    """

    def send_template(
        self,
        account: Credentials,
        *,
        openid: str,
        template_id: str,
        fields: dict[str, str],
        url: str,
        client_msg_id: str,
    ) -> int:
        """Send a template message; gives its msgid. Repeats with one `client_msg_id` are one (WeChat §4)."""

    def send_templates(
        self,
        account: Credentials,
        letters: Sequence[Letter],
        *,
        card: Card,
        may_go: Callable[[], bool],
        connections: int = 100,
        seconds: float = 25.0,
    ) -> Mapping[int, Outcome | NotSent]:
        """Send one template message to many, up to `connections` at once; gives by id what became of each.

        No new call begins after `seconds`, once `may_go` (asked twice a second) says no, once WeChat
        says that the day's calls are spent or the account must be mended, or once it answers nobody:
        the rest is `NotSent`. It raises only where nothing went out.
        """

    def send_custom(
        self, account: Credentials, *, openid: str, message: Content, kf_account: str | None = None
    ) -> None:
        """Send a customer-service message, within the fan's window (WeChat §3). A repeat comes twice."""

    def show_typing(self, account: Credentials, *, openid: str, is_typing: bool) -> None:
        """Show that somebody is writing, or no longer; the fan must have written just now (WeChat §3)."""

    def upload_media(self, account: Credentials, *, kind: MediaKind, content: bytes, name: str) -> str:
        """Keep a file at WeChat for three days; gives its media id (WeChat §10)."""

    def download_media(self, account: Credentials, media_id: str, *, limit: int = MAX_DOWNLOAD) -> Media:
        """Give a file of up to `limit` bytes that was uploaded or sent by a fan (WeChat §10)."""

    def upload_image(self, account: Credentials, *, content: bytes, name: str) -> str:
        """Keep a picture at WeChat for articles; gives its address (WeChat §10)."""

    def create_qr(self, account: Credentials, *, scene: str, seconds: int | None = None) -> QrCode:
        """Make a QR code for a scene of 1–64 characters; permanent without `seconds` (WeChat §6)."""

    def qr_image_url(self, ticket: str) -> str:
        """Give the address of a QR code's image; nothing is asked."""

    def publish_menu(self, account: Credentials, buttons: Buttons) -> None:
        """Replace the menu everybody sees (WeChat §7)."""

    def current_menu(self, account: Credentials) -> Mapping[str, Any]:
        """Give the menu in force, wherever it was made (WeChat §7)."""

    def delete_menu(self, account: Credentials) -> None:
        """Take the menu away, and all conditional ones with it (WeChat §7)."""

    def add_conditional_menu(
        self,
        account: Credentials,
        buttons: Buttons,
        *,
        tag_id: int | None = None,
        platform: int | None = None,
    ) -> str:
        """Show fans of a tag or platform another menu; gives its id (WeChat §7)."""

    def delete_conditional_menu(self, account: Credentials, menu_id: str) -> None:
        """Take a conditional menu away (WeChat §7)."""

    def user(self, account: Credentials, openid: str) -> User:
        """Give what WeChat knows of a fan: no name and no picture since 2021 (WeChat §5)."""

    def users(self, account: Credentials, openids: Sequence[str]) -> list[User]:
        """Give what WeChat knows of up to 100 followers (WeChat §5)."""

    def followers(self, account: Credentials, *, after: str = "") -> OpenidPage:
        """Give up to 10,000 followers past an openid; 500 calls a day (WeChat §5, §11)."""

    def set_remark(self, account: Credentials, *, openid: str, remark: str) -> None:
        """Note a name of under 30 bytes on a follower (WeChat §5)."""

    def tags(self, account: Credentials) -> list[Tag]:
        """Give the account's tags (WeChat §5)."""

    def create_tag(self, account: Credentials, name: str) -> Tag:
        """Make a tag; 45157 if there is one of this name (WeChat §5)."""

    def rename_tag(self, account: Credentials, tag_id: int, name: str) -> None:
        """Rename a tag."""

    def delete_tag(self, account: Credentials, tag_id: int) -> None:
        """Delete a tag and take it from all fans."""

    def tag_users(self, account: Credentials, tag_id: int, openids: Sequence[str]) -> None:
        """Give a tag to up to 50 followers; 45171 names in `answer` whom it failed for (WeChat §5)."""

    def untag_users(self, account: Credentials, tag_id: int, openids: Sequence[str]) -> None:
        """Take a tag from up to 50 followers (WeChat §5)."""

    def tags_of(self, account: Credentials, openid: str) -> list[int]:
        """Give the ids of a follower's tags."""

    def block(self, account: Credentials, openids: Sequence[str]) -> None:
        """Put up to 20 fans on the black list (WeChat §5)."""

    def unblock(self, account: Credentials, openids: Sequence[str]) -> None:
        """Take up to 20 fans off the black list (WeChat §5)."""

    def blocked(self, account: Credentials, *, after: str = "") -> OpenidPage:
        """Give up to 1,000 fans on the black list past an openid (WeChat §5)."""

    def visitor(self, account: Credentials, code: str) -> Visitor:
        """Exchange a silent web authorization's code, once (WeChat §8)."""

    def profile(self, account: Credentials, code: str) -> Profile:
        """Exchange the code of a web authorization with consent, once (WeChat §8)."""

    def page_ticket(self, account: Credentials) -> str:
        """Give the ticket that signs the account's pages, kept until its last minutes (WeChat §9)."""

    def check_credentials(self, account: Credentials) -> None:
        """Ask for a token past all caches: the refusal tells what is wrong (WeChat §0, §2)."""

    def tokens_left(self, app_ids: Sequence[str]) -> Mapping[str, int]:
        """Give how many seconds the tokens we hold for accounts still live; nothing is asked."""

    def callback_ips(self, account: Credentials) -> list[str]:
        """Give the addresses that pushes come from (WeChat §2)."""

    def check_callback(self, account: Credentials) -> CallbackCheck:
        """Let WeChat try to reach the account's server (WeChat §2)."""

    def templates(self, account: Credentials) -> list[Template]:
        """Give the account's message templates (WeChat §4)."""

    def industry(self, account: Credentials) -> Mapping[str, Any]:
        """Give the industries the account's old templates come from (WeChat §4)."""

    def quota(self, account: Credentials, path: str) -> Quota:
        """Give WeChat's own count of today's calls to a path like `/cgi-bin/menu/create` (WeChat §11).

        Where calls are left, those that were held back since a 45009 go out again.
        """

    def usage(self, account: Credentials) -> list[Usage]:
        """Give our own count of today's calls, most used first; nothing is asked."""
