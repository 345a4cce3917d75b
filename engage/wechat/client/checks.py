"""Looking whether an account is set up well, and what it has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engage.wechat.answers import CallbackCheck, Quota, Template, Usage
from engage.wechat.client.base import Calls
from engage.wechat.client.transport import understood
from engage.wechat.gateway import Credentials


class CheckCalls(Calls):
    """Check-ups (WeChat §2, §4, §11); each call as `Gateway` describes it."""

    def check_credentials(self, account: Credentials) -> None:
        self._fetch_token(account, force=False)

    def tokens_left(self, app_ids: Sequence[str]) -> Mapping[str, int]:
        return self._tokens.seconds_left(app_ids)

    def callback_ips(self, account: Credentials) -> list[str]:
        addresses = self._client(account).misc.get_wechat_ips()
        with understood():
            return [str(address) for address in addresses]

    def check_callback(self, account: Credentials) -> CallbackCheck:
        wanted = {"action": "all", "check_operator": "DEFAULT"}
        answer = self._client(account).post("callback/check", data=wanted)
        with understood():
            return CallbackCheck(list(answer.get("dns") or ()), list(answer.get("ping") or ()))

    def templates(self, account: Credentials) -> list[Template]:
        answer = self._client(account).template.get_all_private_template()
        with understood():
            return [
                Template(
                    str(row["template_id"]),
                    str(row["title"]),
                    str(row["content"]),
                    str(row.get("example") or ""),
                )
                for row in answer["template_list"]
            ]

    def industry(self, account: Credentials) -> Mapping[str, Any]:
        return dict(self._client(account).template.get_industry())

    def quota(self, account: Credentials, path: str) -> Quota:
        answer = self._client(account).post("openapi/quota/get", data={"cgi_path": path})
        with understood():
            figures = answer["quota"]
            found = Quota(int(figures["daily_limit"]), int(figures["used"]), int(figures["remain"]))
        if found.left > 0:
            self._counts.left(account.app_id, path)
        return found

    def usage(self, account: Credentials) -> list[Usage]:
        return self._counts.used(account.app_id)
