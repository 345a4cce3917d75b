"""The industries of template messages, and the messages that WeChat withheld (WeChat §4)."""

from flask import Blueprint, Response

from sandbox import fields, wire
from sandbox.errors import WeChatError
from sandbox.state import state

blueprint = Blueprint("industry", __name__)

# The notes name the medical ones only.
MEDICAL = {"22": "医药医疗", "23": "护理美容", "24": "保健与卫生"}
CODES = frozenset(str(code) for code in range(1, 42))
LARGEST_PAGE = 100


@blueprint.post("/cgi-bin/template/api_set_industry")
def set_industry() -> Response:
    """Choose two industries, once a month; templates without typed keys are dropped with the old ones.

    The codes 40102 (unknown industry) and 43100 (too soon) are not in the notes.
    """
    account, data = wire.caller(), wire.body()
    chosen = [str(data.get(key) or "") for key in ("industry_id1", "industry_id2")]
    if not CODES.issuperset(chosen):
        raise WeChatError(40102)
    before, month = state().accounts.industries(account.appid), state().counters.month()
    if before and before[2] == month:
        raise WeChatError(43100)
    state().accounts.set_industries(account.appid, *chosen, month=month)
    for template in state().accounts.templates(account.appid):
        if not fields.is_typed(template):
            state().accounts.drop_template(account.appid, template.template_id)
    return wire.ok()


@blueprint.get("/cgi-bin/template/get_industry")
def industry() -> Response:
    """The account's industries; empty until they are chosen."""
    account = wire.caller()
    chosen = state().accounts.industries(account.appid)
    if chosen is None:
        return wire.answer({})
    names = ("primary_industry", "secondary_industry")
    return wire.answer({name: _classes(code) for name, code in zip(names, chosen[:2], strict=True)})


@blueprint.post("/wxa/sec/queryblocktmplmsg")
def withheld() -> Response:
    """Messages withheld as marketing: none, as nothing reads their content."""
    wire.caller()
    limit = wire.body().get("limit")
    if not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise WeChatError(40035)
    return wire.ok(msginfo=[])


def _classes(code: str) -> dict[str, str]:
    known = MEDICAL.get(code)
    return {"first_class": "医药护理" if known else "其它", "second_class": known or "其它"}
