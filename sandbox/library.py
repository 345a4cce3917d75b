"""A few category templates as the library of a clinic's service category would offer them (WeChat §4)."""

from typing import Any

# short id → title, and the keywords with the type of their value
TEMPLATES: dict[str, tuple[str, dict[str, str]]] = {
    "46201": (
        "预约成功通知",
        {"预约人": "name", "预约门店": "thing", "预约项目": "thing", "预约时间": "time", "医生": "thing"},
    ),
    "46202": (
        "预约取消通知",
        {"预约人": "name", "预约门店": "thing", "预约时间": "time", "取消原因": "thing"},
    ),
    "46203": (
        "就诊提醒",
        {
            "就诊人": "name",
            "就诊门店": "thing",
            "就诊时间": "time",
            "医生": "thing",
            "联系电话": "phone_number",
        },
    ),
    "46204": (
        "复诊提醒",
        {"就诊人": "name", "复诊项目": "thing", "建议日期": "date", "就诊门店": "thing"},
    ),
}


def content_of(keywords: dict[str, str], chosen: list[Any]) -> str | None:
    """The template text of the chosen keywords, keys numbered in their order; None for an unknown one."""
    if not chosen or any(not isinstance(name, str) or name not in keywords for name in chosen):
        return None
    return "\n".join(
        f"{name}:{{{{{keywords[name]}{number}.DATA}}}}" for number, name in enumerate(chosen, start=1)
    )
