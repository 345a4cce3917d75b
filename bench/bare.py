"""The reference of P7, in as many processes as one likes: `python -m bench.bare DATABASE API RUN`.

Claim 500 with SKIP LOCKED, insert their grants in bulk, send through pycurl multi over 200 kept
connections, settle in bulk: nothing else, on tables without a wall.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from io import BytesIO

import psycopg
import pycurl

BATCH, CONNECTIONS = 500, 200

CLAIM = """
    update bare_recipient set state = 'sending'
    where id in (select id from bare_recipient where state = 'pending' order by id
        limit %s for update skip locked)
    returning id, openid
"""
GRANT = "insert into bare_grant (fan_id) select unnest(%s::bigint[]) on conflict do nothing"
SETTLE = """
    update bare_recipient r set state = 'sent', msg_id = s.msg_id
    from unnest(%s::bigint[], %s::bigint[]) as s (id, msg_id) where r.id = s.id
"""


def main(database: str, api: str, run: str) -> None:
    """Say that it is ready, and on a line begin: work until nobody is left."""
    url = f"{api}/cgi-bin/message/template/send?access_token=bench"
    multi, free = pycurl.CurlMulti(), [_handle(url) for _ in range(CONNECTIONS)]
    with psycopg.connect(database) as connection:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        while True:
            with connection.transaction():
                claimed = connection.execute(CLAIM, [BATCH]).fetchall()
                connection.execute(GRANT, [[number for number, _openid in claimed]])
            if not claimed:
                return
            sent = _post(multi, free, claimed, run)
            with connection.transaction():
                connection.execute(SETTLE, [list(sent), list(sent.values())])


def _handle(url: str) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json"])
    handle.setopt(pycurl.TCP_NODELAY, 1)
    return handle


def _post(
    multi: pycurl.CurlMulti, free: list[pycurl.Curl], claimed: Sequence[tuple[int, str]], run: str
) -> dict[int, int]:
    """Send to all; gives the id that each message got."""
    waiting, out, sent = list(claimed), {}, {}
    while waiting or out:
        while waiting and free:
            number, openid = waiting.pop()
            handle, answer = free.pop(), BytesIO()
            handle.setopt(pycurl.POSTFIELDS, _body(run, number, openid))
            handle.setopt(pycurl.WRITEDATA, answer)
            multi.add_handle(handle)
            out[handle] = (number, answer)
        multi.perform()
        _left, done, failed = multi.info_read()
        if failed:
            raise RuntimeError(f"the stand-in did not answer: {failed[0]}")
        for handle in done:
            number, answer = out.pop(handle)
            sent[number] = json.loads(answer.getvalue())["msgid"]
            multi.remove_handle(handle)
            free.append(handle)
        if not done:
            multi.select(0.1)
    return sent


def _body(run: str, number: int, openid: str) -> bytes:
    letter = {
        "touser": openid,
        "template_id": "bench",
        "url": "http://127.0.0.1/p/bench/coupons",
        "client_msg_id": f"bare-{run}-{number}",
        "data": {"thing1": {"value": "满 500 元减 100 元"}, "time2": {"value": "2026年12月31日"}},
    }
    return json.dumps(letter, ensure_ascii=False).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
