"""What the phone says, in Chinese and English."""

from flask import request

LANGUAGES = ("zh", "en")
COOKIE = "sandbox_lang"

# key → Chinese, English
WORDS = {
    "app": ("沙盒手机", "Sandbox phone"),
    "intro_title": ("一部装着微信的手机", "A phone with WeChat on it"),
    "intro": (
        "在这里，您就是患者：关注诊所的公众号、发消息、打开页面、收通知。没有真实的微信，也不会打扰任何人。",
        (
            "Here you are the patient: follow the clinic's account, write to it, open its pages and get its"
            " notices. No real WeChat is involved, and nobody is disturbed."
        ),
    ),
    "phones": ("桌上的手机", "Phones on this desk"),
    "phones_hint": (
        "每个人一部手机，登录互不影响；可以在几个标签页里同时打开。",
        "One phone a person, each with its own log-in; open several side by side in tabs.",
    ),
    "who": ("谁在用这部手机？", "Who holds this phone?"),
    "who_hint": ("选一个人，或新建一个。", "Choose a person, or create one."),
    "nobody": ("还没有人。新建第一个吧。", "There is nobody yet. Create the first person."),
    "new_person": ("新建一个人", "Create a person"),
    "nickname": ("昵称", "Nickname"),
    "nickname_example": ("例如：王小红", "For example: Wang Xiaohong"),
    "phone_number": ("手机号", "Phone number"),
    "optional": ("选填", "optional"),
    "create": ("新建", "Create"),
    "chats": ("微信", "Chats"),
    "contacts": ("通讯录", "Contacts"),
    "discover": ("发现", "Discover"),
    "me": ("我", "Me"),
    "accounts": ("公众号", "Official accounts"),
    "people": ("换一部手机", "Other phones"),
    "no_accounts": (
        "还没有公众号。演示数据装好后，它会出现在这里。",
        "No official account yet. It appears here once the demo is loaded.",
    ),
    "no_chats": ("还没有聊天。到通讯录里关注一个公众号。", "No chats yet. Follow an account in Contacts."),
    "see_accounts": ("看看公众号", "See the accounts"),
    "followed": ("已关注", "Following"),
    "not_followed": ("未关注", "Not following"),
    "follow": ("关注公众号", "Follow"),
    "unfollow": ("不再关注", "Unfollow"),
    "enter": ("发消息", "Messages"),
    "kind_production": ("已认证的服务号", "Verified service account"),
    "kind_test": ("测试号", "Test account"),
    "account_profile": ("公众号资料", "Account profile"),
    "your_openid": ("您的 openid", "Your openid"),
    "not_following_hint": ("关注后才能发消息。", "Follow the account to write to it."),
    "message": ("输入消息", "Write a message"),
    "send": ("发送", "Send"),
    "details": ("查看详情", "View details"),
    "open_page": ("打开网页", "Open a page"),
    "pages_hint": (
        "聊天里的链接和通知，也会在这里打开。",
        "Links in chats and notices open the same way.",
    ),
    "open": ("打开", "Open"),
    "recent": ("最近打开", "Opened recently"),
    "close": ("关闭", "Close"),
    "back": ("返回", "Back"),
    "reload": ("刷新", "Reload"),
    "unavailable": (
        "该服务号暂时无法提供服务，请稍后再试",
        "This account is unavailable now. Try again later.",
    ),
    "not_sent": ("没有发出去，请再试一次。", "Not sent. Please try again."),
    "offline": ("连不上沙盒，正在重试…", "The sandbox does not answer; trying again…"),
    "language": ("语言", "Language"),
    "other_language": ("English", "中文"),
    "switch_person": ("换一个人", "Switch person"),
    "unread": ("条未读", "unread"),
    "image": ("图片", "Image"),
    "voice": ("语音", "Voice"),
    "video": ("视频", "Video"),
    "music": ("音乐", "Music"),
    "transfer_customer_service": ("已转接人工客服", "Handed over to customer service"),
    "allow": ("允许", "Allow"),
    "consent_title": ("申请使用您的昵称和头像", "asks for your nickname and picture"),
    "refused_title": ("无法打开网页", "This page cannot be opened"),
    "refused_code": ("错误码", "Code"),
    "no_words": ("暂无消息", "No messages yet"),
    "yesterday": ("昨天", "Yesterday"),
}


def language() -> str:
    """The language asked for by `?lang=`, the cookie, or the browser; Chinese when none fits."""
    for choice in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if choice in LANGUAGES:
            return str(choice)
    return request.accept_languages.best_match(LANGUAGES, default="zh") or "zh"


def current() -> dict[str, str]:
    """All words in the visitor's language; `lang` says which that is."""
    spoken = language()
    column = LANGUAGES.index(spoken)
    return {"lang": spoken, **{key: pair[column] for key, pair in WORDS.items()}}
