"""A copy of all that is held on a person: whole, readable, nobody else's, gone after a day (PT-8)."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.privacy import queries, services
from engage.privacy.models import PrivacyTask
from engage.privacy.rules import COPY_LIFE
from tests.conftest import Chain
from tests.privacy.scenes import MAIL, NAME, OPENID, PHONE, PICTURE, WORDS, House, bind, last_task
from workers import events
from workers import privacy as worker


def copied(app: Flask, chain: Chain, house: House, language: str = "zh_Hans") -> dict[str, bytes]:
    """Have a copy made; gives its files."""
    events.drain()
    with unit_of_work() as session:
        services.ask_copy(session, house.patient_id, language=language, by=OPERATOR, now=clock.now())
    worker.drain()
    task = last_task()
    assert (task.state, task.error) == ("done", None)
    assert task.file is not None
    bundle = zipfile.ZipFile(io.BytesIO(app.extensions["files"].get(chain.id, task.file)))
    return {name: bundle.read(name) for name in bundle.namelist()}


def test_all_that_is_held_is_in_it_for_people_and_for_machines(
    app: Flask, chain: Chain, house: House
) -> None:
    files = copied(app, chain, house)
    page = files["index.html"].decode()
    for trace in (NAME, PHONE, MAIL, WORDS, OPENID, "1988-03-02", "康美口腔"):
        assert trace in page
    charts = json.loads(files["patients.json"])["patient"]
    assert [(chart["name"], chart["phone"]) for chart in charts] == [(NAME, f"+86{PHONE}")]
    (message,) = json.loads(files["chat.json"])["chat_message"]
    assert message["text"] == f"{NAME} {PHONE} {WORDS}"
    assert json.loads(files["booking.json"])["appointment"][0]["complaint"] == WORDS
    assert next(content for name, content in files.items() if name.startswith("files/")).startswith(PICTURE)


@pytest.mark.parametrize(
    ("language", "word"), [("zh_Hans", 'lang="zh-Hans"'), ("en", "All data on one person")]
)
def test_it_is_written_in_the_language_of_who_asked(
    app: Flask, chain: Chain, house: House, language: str, word: str
) -> None:
    assert word in copied(app, chain, house, language)["index.html"].decode()


def test_nothing_of_others_is_in_it(app: Flask, chain: Chain, house: House) -> None:
    bind(house.fan_id, house.scene.patient_ids[1])  # now the WeChat speaks for somebody else too
    whole = b"".join(copied(app, chain, house).values()).decode(errors="replace")
    assert "王小红" not in whole
    assert OPENID not in whole  # nor what the two share


def test_while_one_is_made_another_is_not(house: House) -> None:
    for _ in range(2):
        with unit_of_work() as session:
            services.ask_copy(session, house.patient_id, language="en", by=OPERATOR, now=clock.now())
    with unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PrivacyTask)) == 1


def test_a_copy_is_gone_after_a_day_with_its_file(app: Flask, chain: Chain, house: House) -> None:
    copied(app, chain, house)
    task = last_task()
    with unit_of_work() as session:
        later = clock.now() + COPY_LIFE
        assert queries.copy_of(session, house.patient_id, task.id, now=clock.now()) is not None
        assert queries.copy_of(session, house.patient_id, task.id, now=later) is None
        session.execute(sa.update(PrivacyTask).values(done_at=clock.now() - COPY_LIFE))
    worker.drain()
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, task.file)


def test_what_the_person_asked_for_is_done_with_the_copy(app: Flask, chain: Chain, house: House) -> None:
    with unit_of_work() as session:
        assert queries.standing(session, house.fan_id).requests["export"].state == "waiting"
    copied(app, chain, house)
    with unit_of_work() as session:
        assert queries.standing(session, house.fan_id).requests["export"].state == "done"


def test_a_copy_of_another_person_is_not_found(app: Flask, chain: Chain, house: House) -> None:
    copied(app, chain, house)
    with unit_of_work() as session, pytest.raises(NotFound):
        queries.copy_of(session, house.scene.patient_ids[0], last_task().id, now=clock.now())
