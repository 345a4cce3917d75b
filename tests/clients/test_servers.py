"""The sandbox pushes to servers written with other people's libraries, and shows what they answer (OA-9)."""

from __future__ import annotations

import secrets

import pytest

from tests.booking.scenes import AES_KEY

TEXT = '牙疼 & "肿" <b>?'


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
@pytest.mark.parametrize("name", ["werobot", "node-easywechat"])
def test_a_server_reads_pushes_and_its_answers_reach_the_phone(sandbox, library, name, mode):
    keys = {"appid": f"wx{secrets.token_hex(8)}", "token": "callbacktoken", "encoding_aes_key": AES_KEY}
    # node-easywechat encrypts its answers as soon as it has a key.
    url = library(f"{name}.server", {**keys, "encoding_aes_key": AES_KEY if mode != "plain" else None}).url()
    account = sandbox.account(url, **keys, mode=mode)
    fan = sandbox.fan()
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"], "scene": "poster-7"})
    text = {"appid": account["appid"], "msgtype": "text", "content": TEXT}
    assert [one["status"] for one in sandbox.control(f"/fans/{fan}/send", text)["attempts"]] == [200]
    library_name = "WeRoBot" if name == "werobot" else name
    shown = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", appid=account["appid"])
    assert [(entry["kind"], entry["content"]) for entry in shown] == [
        ("passive", f"{library_name} greets from qrscene_poster-7"),
        ("passive", f"{library_name} read {TEXT}"),
    ]
