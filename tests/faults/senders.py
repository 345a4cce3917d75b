"""A process of several threads that send template messages until its input ends.

Reads one order: `{"api_url", "redis_url", "app_id", "secret", "template_id", "openids", "guarded"}`, a
thread for each openid. Tells `ready` once it has read it, and at its end what became of all:
`{"sent": {openid: n}, "failed": […]}`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import redis

from engage.kernel import logs
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.tokens import Tokens


class Unguarded(Tokens):
    """What the owner would be without its lock and without looking whether another has come already."""

    def _renewed(self, account: Credentials, *, stale: str | None) -> str:
        return self._kept(account, *self._fetch(account, force=False))


class Senders:
    """The threads, and what became of their messages."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.account = Credentials(order["app_id"], order["secret"])
        self.template_id = order["template_id"]
        self.gateway = HttpGateway(order["api_url"], redis.Redis.from_url(order["redis_url"]))
        if not order["guarded"]:
            self.gateway._tokens.__class__ = Unguarded
        self.sent = dict.fromkeys(order["openids"], 0)
        self.failed: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        """Send until the input ends."""
        threads = [threading.Thread(target=self._send, args=(openid,)) for openid in self.sent]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self.ended.set()
        for thread in threads:
            thread.join()

    def _send(self, openid: str) -> None:
        while not self.ended.is_set():
            number = self.sent[openid]
            try:
                self.gateway.send_template(
                    self.account,
                    openid=openid,
                    template_id=self.template_id,
                    fields={"thing1": str(number), "time2": "2026年3月1日 09:00"},
                    url="",
                    client_msg_id=f"{os.getpid()}-{number}",
                )
            except (WeChatError, WeChatUnreachable) as error:
                self.failed.append(repr(error))
            else:
                self.sent[openid] = number + 1


def main() -> None:
    """Answer the order."""
    logs.configure(level="CRITICAL", as_json=True)
    senders = Senders(json.loads(sys.stdin.readline()))
    tell("ready")
    senders.run()
    tell(json.dumps({"sent": senders.sent, "failed": senders.failed}))


def tell(line: str) -> None:
    """Say a line to the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
