"""Each call of the gateway against the sandbox, which was written apart from it (OA-3, OA-9)."""

from __future__ import annotations

import base64
import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image as Pillow

from engage.wechat.gateway import (
    Content,
    Credentials,
    Image,
    Menu,
    MiniProgramPage,
    Music,
    News,
    QuotaSpent,
    Text,
    Trouble,
    Video,
    Voice,
    WeChatError,
    WeChatUnreachable,
)
from tests.wechat.conftest import Reached

SEND = "/cgi-bin/message/custom/send"
STABLE = "/cgi-bin/stable_token"
AMR = b"#!AMR\n" + b"\x3c" * 64
BUTTONS = [
    {"type": "click", "name": "微信预约", "key": "booking"},
    {"name": "更多", "sub_button": [{"type": "view", "name": "官网", "url": "https://clinic.example/"}]},
]


def picture(kind: str = "JPEG") -> bytes:
    made = io.BytesIO()
    Pillow.new("RGB", (64, 48), "teal").save(made, kind)
    return made.getvalue()


def film() -> bytes:
    return b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)


def write(reached: Reached, words: str = "在吗") -> None:
    """Let the fan write, which opens the window for customer-service messages."""
    reached.sandbox.control(
        f"/fans/{reached.fan}/send", {"appid": reached.account.app_id, "msgtype": "text", "content": words}
    )


def message_of(kind: str, reached: Reached) -> Content:
    def media(media_kind, content, name):
        return reached.gateway.upload_media(reached.account, kind=media_kind, content=content, name=name)

    thumb = media("thumb", picture(), "缩略.jpg")
    return {
        "text": lambda: Text("王小红，您好"),
        "image": lambda: Image(media("image", picture("PNG"), "照片.png")),
        "voice": lambda: Voice(media("voice", AMR, "a.amr")),
        "video": lambda: Video(media("video", film(), "b.mp4"), thumb, "片", "述"),
        "music": lambda: Music("https://music.example/1.mp3", thumb, "曲", "述"),
        "news": lambda: News("题", "述", "https://clinic.example/1", "https://clinic.example/1.png"),
        "msgmenu": lambda: Menu((("101", "满意"), ("102", "不满意")), "您满意吗？", "谢谢"),
        "miniprogrampage": lambda: MiniProgramPage("题", "wx0123456789abcdef", "pages/a", thumb),
    }[kind]()


@pytest.mark.parametrize(
    "kind", ["text", "image", "voice", "video", "music", "news", "msgmenu", "miniprogrampage"]
)
def test_each_kind_of_customer_service_message_arrives(reached: Reached, kind: str) -> None:
    write(reached)
    reached.gateway.send_custom(reached.account, openid=reached.openid, message=message_of(kind, reached))
    arrived = [entry for entry in reached.inbox() if entry["kind"] == "custom"]
    assert [entry["msgtype"] for entry in arrived] == [kind]


def test_a_secret_is_shown_nowhere(reached: Reached) -> None:
    assert reached.account.app_id in repr(reached.account)
    assert reached.account.secret not in repr(reached.account)


def test_without_a_window_a_message_is_refused(reached: Reached) -> None:
    reached.sandbox.control(f"/fans/{reached.fan}/unfollow", {"appid": reached.account.app_id})
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.send_custom(reached.account, openid=reached.openid, message=Text("您好"))
    assert refusal.value.trouble is Trouble.WINDOW
    assert refusal.value.rid


def test_typing_is_shown_after_the_fan_wrote(reached: Reached) -> None:
    write(reached)
    reached.gateway.show_typing(reached.account, openid=reached.openid, is_typing=True)
    reached.gateway.show_typing(reached.account, openid=reached.openid, is_typing=False)
    sent = [call["body"]["command"] for call in reached.calls("/cgi-bin/message/custom/typing")]
    assert sent == ["Typing", "CancelTyping"]


def test_a_template_message_arrives_once_however_often_it_is_sent(reached: Reached) -> None:
    credentials = {"appid": reached.account.app_id, "secret": reached.account.secret}
    wanted = {"template_id_short": "46203", "keyword_name_list": ["就诊门店", "就诊时间"]}
    added = reached.sandbox.post(
        "/cgi-bin/template/api_add_template", wanted, access_token=reached.sandbox.token(credentials)
    )
    templates = reached.gateway.templates(reached.account)
    assert [template.id for template in templates] == [added["template_id"]]
    assert "{{thing1.DATA}}" in templates[0].content

    def send(place: str) -> int:
        return reached.gateway.send_template(
            reached.account,
            openid=reached.openid,
            template_id=templates[0].id,
            fields={"thing1": place, "time2": "2026年3月1日 09:00"},
            url="https://clinic.example/",
            client_msg_id="once",
        )

    msg_id = send("康美口腔徐汇店")
    assert msg_id > 2**53
    assert send("康美口腔徐汇店") == msg_id
    assert len([entry for entry in reached.inbox() if entry["kind"] == "template"]) == 1
    with pytest.raises(WeChatError, match="thing1") as refusal:
        send("长" * 21)
    assert (refusal.value.errcode, refusal.value.trouble) == (47003, Trouble.REFUSED)


@pytest.mark.parametrize(
    ("kind", "content", "name", "content_type"),
    [("image", picture(), "牙片.jpg", "image/jpeg"), ("voice", AMR, "a.amr", "audio/")],
)
def test_a_file_comes_back_as_it_went(
    reached: Reached, kind: str, content: bytes, name: str, content_type: str
) -> None:
    media_id = reached.gateway.upload_media(reached.account, kind=kind, content=content, name=name)
    media = reached.gateway.download_media(reached.account, media_id)
    assert media.content == content
    assert media.content_type.startswith(content_type)
    with pytest.raises(WeChatUnreachable, match="longer than"):
        reached.gateway.download_media(reached.account, media_id, limit=10)


def test_of_a_video_the_address_comes_back(reached: Reached) -> None:
    media_id = reached.gateway.upload_media(reached.account, kind="video", content=film(), name="b.mp4")
    assert reached.gateway.download_media(reached.account, media_id).video_url.startswith("http")


def test_what_a_fan_sends_can_be_downloaded(reached: Reached) -> None:
    content = picture()
    body = {
        "appid": reached.account.app_id,
        "msgtype": "image",
        "file": base64.b64encode(content).decode(),
    }
    pushed = reached.sandbox.control(f"/fans/{reached.fan}/send", body)["pushed"]
    assert reached.gateway.download_media(reached.account, pushed["MediaId"]).content == content


def test_a_file_that_is_gone_is_refused(reached: Reached) -> None:
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.download_media(reached.account, "no-such-media")
    assert refusal.value.errcode == 40007


def test_a_picture_for_articles_gets_an_address(reached: Reached) -> None:
    address = reached.gateway.upload_image(reached.account, content=picture(), name="封面.jpg")
    assert urlsplit(address).scheme in {"http", "https"}


def test_a_qr_code_is_scanned_into_its_scene(reached: Reached) -> None:
    code = reached.gateway.create_qr(reached.account, scene="门店-3", seconds=600)
    assert (code.seconds, bool(code.ticket)) == (600, True)
    image = requests.get(reached.gateway.qr_image_url(code.ticket), timeout=10)
    assert (image.status_code, image.headers["Content-Type"].split("/")[0]) == (200, "image")
    fan = reached.sandbox.fan()
    reached.sandbox.control(f"/fans/{fan}/scan", {"url": code.url})
    openid = reached.sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=reached.account.app_id)["openid"]
    user = reached.gateway.user(reached.account, openid)
    assert (user.follows, user.scene, user.came_by) == (True, "门店-3", "ADD_SCENE_QR_CODE")


def test_a_permanent_qr_code_has_no_end(reached: Reached) -> None:
    assert reached.gateway.create_qr(reached.account, scene="campaign").seconds is None
    body = reached.calls("/cgi-bin/qrcode/create")[0]["body"]
    assert body == {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "campaign"}}}


def test_the_address_of_a_qr_image_holds_any_ticket(reached: Reached) -> None:
    address = reached.gateway.qr_image_url("a+b/c=&d")
    assert parse_qs(urlsplit(address).query) == {"ticket": ["a+b/c=&d"]}


def test_a_menu_is_published_read_and_deleted(reached: Reached) -> None:
    reached.gateway.publish_menu(reached.account, BUTTONS)
    menu = reached.gateway.current_menu(reached.account)
    assert menu["is_menu_open"] == 1
    assert [button["name"] for button in menu["selfmenu_info"]["button"]] == ["微信预约", "更多"]
    reached.gateway.delete_menu(reached.account)
    assert reached.gateway.current_menu(reached.account)["is_menu_open"] == 0


def test_a_conditional_menu_needs_a_default_one_and_is_deleted_by_its_id(reached: Reached) -> None:
    tag = reached.gateway.create_tag(reached.account, "VIP")
    with pytest.raises(WeChatError, match="65303"):
        reached.gateway.add_conditional_menu(reached.account, BUTTONS, tag_id=tag.id)
    reached.gateway.publish_menu(reached.account, BUTTONS)
    menu_id = reached.gateway.add_conditional_menu(reached.account, BUTTONS[:1], tag_id=tag.id, platform=1)
    assert menu_id
    reached.gateway.delete_conditional_menu(reached.account, menu_id)


def test_fans_are_listed_and_known_by_openid(reached: Reached) -> None:
    reached.gateway.set_remark(reached.account, openid=reached.openid, remark="王女士")
    page = reached.gateway.followers(reached.account)
    assert (page.openids, page.total) == ((reached.openid,), 1)
    assert reached.gateway.followers(reached.account, after=reached.openid).openids == ()
    user = reached.gateway.user(reached.account, reached.openid)
    assert (user.openid, user.follows, user.remark) == (reached.openid, True, "王女士")
    assert user.followed_at is not None
    assert reached.gateway.users(reached.account, [reached.openid]) == [user]
    reached.sandbox.control(f"/fans/{reached.fan}/unfollow", {"appid": reached.account.app_id})
    gone = reached.gateway.user(reached.account, reached.openid)
    assert (gone.follows, gone.followed_at) == (False, None)


def test_an_empty_account_has_an_empty_last_page(reached: Reached) -> None:
    reached.sandbox.control(f"/fans/{reached.fan}/unfollow", {"appid": reached.account.app_id})
    page = reached.gateway.followers(reached.account)
    assert (page.openids, page.after) == ((), "")


def test_tags_are_made_given_renamed_and_deleted(reached: Reached) -> None:
    gateway, account = reached.gateway, reached.account
    tag = gateway.create_tag(account, "种植")
    gateway.tag_users(account, tag.id, [reached.openid])
    assert gateway.tags_of(account, reached.openid) == [tag.id]
    assert gateway.user(account, reached.openid).tag_ids == (tag.id,)
    assert [found.count for found in gateway.tags(account) if found.id == tag.id] == [1]
    gateway.rename_tag(account, tag.id, "种植牙")
    assert [found.name for found in gateway.tags(account) if found.id == tag.id] == ["种植牙"]
    gateway.untag_users(account, tag.id, [reached.openid])
    assert gateway.tags_of(account, reached.openid) == []
    gateway.delete_tag(account, tag.id)
    assert tag.id not in {found.id for found in gateway.tags(account)}


def test_the_black_list_takes_and_gives_back(reached: Reached) -> None:
    gateway, account = reached.gateway, reached.account
    assert gateway.blocked(account).openids == ()
    gateway.block(account, [reached.openid])
    assert gateway.blocked(account).openids == (reached.openid,)
    with pytest.raises(WeChatError) as refusal:
        gateway.send_custom(account, openid=reached.openid, message=Text("您好"))
    assert (refusal.value.errcode, refusal.value.trouble) == (43019, Trouble.GONE)
    gateway.unblock(account, [reached.openid])
    assert gateway.blocked(account).openids == ()


def test_more_openids_than_wechat_takes_are_not_sent(reached: Reached) -> None:
    gateway, account, many = reached.gateway, reached.account, [reached.openid] * 101
    for ask in (
        lambda: gateway.users(account, many),
        lambda: gateway.tag_users(account, 100, many[:51]),
        lambda: gateway.untag_users(account, 100, many[:51]),
        lambda: gateway.block(account, many[:21]),
        lambda: gateway.unblock(account, many[:21]),
    ):
        with pytest.raises(ValueError, match="WeChat takes"):
            ask()


def _code(reached: Reached, scope: str) -> str:
    """Let the fan open the authorization page and agree."""
    http = requests.Session()
    http.cookies.set("sandbox_fan", reached.fan, domain="127.0.0.1")
    query = {
        "appid": reached.account.app_id,
        "redirect_uri": "http://127.0.0.1:9/back",
        "response_type": "code",
        "scope": scope,
        "state": "s",
    }
    answer = http.get(
        f"{reached.sandbox.url}/connect/oauth2/authorize", params=query, allow_redirects=False, timeout=10
    )
    if answer.status_code == 200:
        answer = http.get(
            f"{reached.sandbox.url}/connect/oauth2/authorize",
            params={**query, "agreed": "1"},
            allow_redirects=False,
            timeout=10,
        )
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def test_a_visitor_is_recognised_once(reached: Reached) -> None:
    code = _code(reached, "snsapi_base")
    visitor = reached.gateway.visitor(reached.account, code)
    assert (visitor.openid, visitor.is_snapshot) == (reached.openid, False)
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.visitor(reached.account, code)
    assert refusal.value.errcode == 40163


def test_a_profile_is_had_with_consent(reached: Reached) -> None:
    profile = reached.gateway.profile(reached.account, _code(reached, "snsapi_userinfo"))
    assert (profile.openid, profile.nickname) == (reached.openid, "王小红")
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.profile(reached.account, _code(reached, "snsapi_base"))
    assert refusal.value.errcode == 48001


@pytest.mark.parametrize(("app_id", "secret", "errcode"), [("wx-unknown", "x", 40013), ("", "wrong", 40125)])
def test_wrong_credentials_are_told(reached: Reached, app_id: str, secret: str, errcode: int) -> None:
    wrong = Credentials(app_id or reached.account.app_id, secret)
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.check_credentials(wrong)
    assert (refusal.value.errcode, refusal.value.trouble) == (errcode, Trouble.SET_UP)


def test_check_ups_answer(reached: Reached) -> None:
    gateway, account = reached.gateway, reached.account
    gateway.check_credentials(account)
    assert gateway.callback_ips(account) == ["127.0.0.1"]
    assert gateway.check_callback(account).ping
    assert all(template.id for template in gateway.templates(account))
    gateway.industry(account)
    left = gateway.quota(account, "/cgi-bin/tags/get")
    gateway.tags(account)
    assert gateway.quota(account, "/cgi-bin/tags/get").used == left.used + 1


def test_a_spent_quota_stops_calls_here_and_is_lifted_by_wechats_word(reached: Reached) -> None:
    gateway, account = reached.gateway, reached.account
    limits = f"/accounts/{account.app_id}/limits"
    reached.sandbox.control(limits, {"/cgi-bin/tags/get": 2})
    for _ in range(2):
        gateway.tags(account)
    for _ in range(3):
        with pytest.raises(QuotaSpent):
            gateway.tags(account)
    assert len(reached.calls("/cgi-bin/tags/get")) == 3
    reached.sandbox.control(limits, {"/cgi-bin/tags/get": 100})
    assert gateway.quota(account, "/cgi-bin/tags/get").left > 0
    gateway.tags(account)


def test_sixteen_threads_at_a_spent_quota_ask_once_more_each_at_most(reached: Reached) -> None:
    reached.sandbox.control(f"/accounts/{reached.account.app_id}/limits", {"/cgi-bin/tags/get": 50})

    def until_spent(_number: int) -> int:
        for answered in itertools.count():
            try:
                reached.gateway.tags(reached.account)
            except QuotaSpent:
                return answered
        raise AssertionError

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(until_spent, range(16))) == 50
    refused = [call for call in reached.calls("/cgi-bin/tags/get") if call["errcode"] == 45009]
    assert 1 <= len(refused) <= 16


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_killed_token_is_replaced_within_the_call(reached: Reached, errcode: int) -> None:
    gateway, account = reached.gateway, reached.account
    gateway.tags(account)
    reached.sandbox.control(f"/accounts/{account.app_id}/tokens/kill", {"as": errcode})
    gateway.tags(account)
    assert [call["errcode"] for call in reached.calls("/cgi-bin/tags/get")] == [0, errcode, 0]
    assert len(reached.calls(STABLE)) == 2


@pytest.mark.parametrize("effect", [{"http": 502}, {"drop": "before"}, {"drop": "after"}, {"drop": "during"}])
def test_a_call_that_is_cut_is_unreachable_and_not_repeated(reached: Reached, effect: dict) -> None:
    reached.gateway.tags(reached.account)
    fault = {
        "match": {"path": "/cgi-bin/tags/get", "appid": reached.account.app_id},
        "effect": effect,
        "times": 1,
    }
    reached.sandbox.control("/faults", fault)
    with pytest.raises(WeChatUnreachable):
        reached.gateway.tags(reached.account)
    reached.gateway.tags(reached.account)
