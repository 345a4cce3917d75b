"""Patients in the console: the list, the form of a chart, the phone on request, what happened before."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR, Actor
from engage.booking import services as booking
from engage.booking.models import Appointment
from engage.kernel import clock, outbox
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries, services
from engage.patients.models import Patient
from engage.patients.services import facts
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import log_in_directly

PEOPLE = "/console/people"
PHONE = "13800004321"
WHOLE = "138 0000 4321"


def typed(**changes: str) -> dict[str, str]:
    return {"family_name": "欧阳", "given_name": "娜娜", "phone": PHONE, "source": "desk", **changes}


def write(desk, act):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        return act(session)


def chart(desk, patient_id: int) -> Patient:
    return desk.read(lambda session: session.get(Patient, (desk.scene.chain.id, patient_id)))


def made_by(answer) -> int:
    return int(re.fullmatch(rf"{PEOPLE}/(\d+)", answer.location).group(1))


def audited(desk, action: str) -> list[int]:
    return desk.read(
        lambda session: session.scalars(
            sa.select(AuditEntry.subject_id).where(AuditEntry.action == action).order_by(AuditEntry.id)
        ).all()
    )


def shown(page) -> list[str]:
    return re.findall(rf'<a class="row-link" href="{PEOPLE}/\d+" data-drawer>([^<]+)</a>', page.text)


def test_the_list_shows_who_has_a_chart_with_the_phone_masked(desk):
    desk.patient("欧阳娜娜", PHONE)
    page = desk.owner.client.get(PEOPLE)
    assert shown(page)[0] == "欧阳娜娜"
    assert "138****4321" in page.text
    assert PHONE not in page.text


def test_the_list_asks_little_however_long_it_is(desk, count_queries):
    with count_queries() as few:
        desk.owner.client.get(PEOPLE)
    for number in range(12):
        desk.patient(f"病人{number}", f"1380000{number:04}")
    with count_queries() as many:
        desk.owner.client.get(PEOPLE)
    assert many.n <= few.n <= 14


def test_filters_lie_in_the_address_and_hold_together(desk):
    now = clock.now()
    here, long_ago = desk.patient("王小红"), desk.patient("李雷")
    store_id = desk.scene.chain.store.id

    def visits(session) -> None:
        session.get(Patient, (session.tenant_id, here)).store_id = store_id
        for patient_id, days in ((here, 3), (long_ago, 400)):
            facts.hold(session, patient_id)
            facts.recompute(session, patient_id, [now - dt.timedelta(days=days)], now=now)

    write(desk, visits)
    for asked, names in (
        ("visit=30", ["王小红"]),
        ("visit=year", ["李雷"]),
        (f"store={store_id}&visit=90", ["王小红"]),
        (f"store={store_id}&visit=year", []),
        ("store=999999&visit=year", ["李雷"]),
        ("visit=year&unbound=yes", ["李雷"]),
        ("visit=year&treated=yes", []),
        ("visit=year&source=import", []),
    ):
        assert shown(desk.owner.client.get(f"{PEOPLE}?{asked}")) == names, asked
    empty = desk.owner.client.get(f"{PEOPLE}?visit=year&treated=yes")
    assert "No patient fits all of the chosen filters." in words(empty)


@pytest.mark.parametrize("page", ["nonsense", "W10", "eyJhIjoxfQ", "'"])
def test_an_address_that_nobody_wrote_is_refused(desk, page):
    assert desk.owner.client.get(f"{PEOPLE}?page={page}").status_code == 400


def test_words_find_people_and_stand_in_no_address(desk):
    desk.patient("欧阳娜娜", PHONE)
    page = desk.owner.ask("POST", f"{PEOPLE}/find", data={"q": "OYNN"})
    assert shown(page) == ["欧阳娜娜"]
    assert "Nobody found" in words(desk.owner.ask("POST", f"{PEOPLE}/find", data={"q": "张三"}))
    assert desk.owner.ask("POST", f"{PEOPLE}/find", data={"q": " "}).location == PEOPLE
    assert desk.owner.client.get(f"{PEOPLE}/find").status_code == 405


def test_a_chart_is_made(desk):
    form = typed(
        email="NaNa@example.com",
        sex="f",
        birth_date="1990-05-01",
        region="31",
        memo="怕疼",
        on_treatment="yes",
    )
    made = desk.owner.ask("POST", f"{PEOPLE}/new", data=form | {"store": str(desk.other_store_id)})
    person = chart(desk, made_by(made))
    assert (person.name, person.phone, person.email) == ("欧阳娜娜", f"+86{PHONE}", "nana@example.com")
    assert (person.region, person.memo, person.on_treatment) == ("31", "怕疼", True)
    assert (person.store_id, person.source) == (desk.other_store_id, "desk")
    page = words(desk.owner.client.get(made.location))
    assert all(text in page for text in ("Shanghai", "怕疼", "nana@example.com", "1990-05-01", "浦东店"))


def test_a_phone_that_has_a_chart_is_shown_before_another_is_made(desk):
    known = desk.patient("欧阳娜娜", PHONE)
    again = desk.owner.ask("POST", f"{PEOPLE}/new", data=typed(given_name="小娜"))
    assert again.status_code == 422
    assert f'href="{PEOPLE}/{known}"' in again.text
    assert 'value="小娜"' in again.text
    desk.patient("单小宝", "13800009999")
    other = typed(given_name="小娜", phone="13800009999", anyway=PHONE)
    assert desk.owner.ask("POST", f"{PEOPLE}/new", data=other).status_code == 422
    made = desk.owner.ask("POST", f"{PEOPLE}/new", data=typed(given_name="小娜", anyway=PHONE))
    assert made_by(made) != known


@pytest.mark.parametrize("path", ["new", "edit"])
def test_all_that_is_wrong_is_said_at_once(desk, path):
    where = f"{PEOPLE}/new" if path == "new" else f"{PEOPLE}/{desk.patient('欧阳娜娜', PHONE)}/edit"
    form = typed(family_name="", given_name="", phone="138", email="nana", sex="x", version="1")
    answer = desk.owner.ask("POST", where, data=form)
    assert answer.status_code == 422
    for field in ("family_name", "phone", "email", "sex"):
        assert f'id="error-{field}"' in answer.text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"family_name": "", "given_name": " "}, "Please give a name"),
        ({"family_name": "王" * 41}, "Please give a name"),
        ({"phone": "138"}, "not a mobile number"),
        ({"email": "nana"}, "not an e-mail address"),
        ({"birth_date": "2999-01-01"}, "lies in the past"),
        ({"birth_date": "gestern"}, "lies in the past"),
        ({"sex": "x"}, "choose from the list"),
        ({"region": "99"}, "choose from the list"),
        ({"store": "999999"}, "choose from the list"),
        ({"consultant": "999999"}, "choose from the list"),
        ({"consultant": "12a"}, "choose from the list"),
        ({"memo": "长" * 2001}, "At most 2000 characters."),
        ({"given_name": "娜\0娜"}, "leave out special characters"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(desk, wrong, sentence):
    answer = desk.owner.ask("POST", f"{PEOPLE}/new", data=typed(**{"memo": "怕疼", **wrong}))
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "memo" in wrong or "怕疼" in answer.text
    assert desk.read(lambda session: session.scalar(sa.select(sa.func.count(Patient.id)))) == 2


def test_a_chart_is_changed_and_an_empty_phone_keeps_the_known_one(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    page = desk.owner.client.get(f"{PEOPLE}/{patient_id}/edit")
    assert 'value="欧阳"' in page.text
    assert "138****4321" in page.text
    assert PHONE not in page.text
    saved = desk.owner.ask(
        "POST", f"{PEOPLE}/{patient_id}/edit", data=typed(given_name="小娜", phone="", version="1")
    )
    assert saved.location == f"{PEOPLE}/{patient_id}"
    person = chart(desk, patient_id)
    assert (person.name, person.phone, person.version) == ("欧阳小娜", f"+86{PHONE}", 2)
    desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/edit", data=typed(phone="", no_phone="yes", version="2"))
    assert chart(desk, patient_id).phone is None


def test_who_opens_the_form_of_a_chart_has_looked_at_it(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    assert desk.owner.client.get(f"{PEOPLE}/{patient_id}/edit").status_code == 200
    assert audited(desk, "patient.viewed") == [patient_id]


def test_of_two_who_change_a_chart_the_second_is_told_and_loses_nothing(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/edit", data=typed(memo="先来", version="1"))
    late = typed(memo="后到", version="1", phone="")
    told = desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/edit", data=late)
    assert told.status_code == 409
    assert "后到" in told.text
    assert "先来" in words(told)
    assert audited(desk, "patient.viewed") == [patient_id]  # what others wrote is a look
    assert chart(desk, patient_id).memo == "先来"
    (version,) = re.findall(r'name="version" value="(\d+)"', told.text)
    desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/edit", data=late | {"version": version})
    assert chart(desk, patient_id).memo == "后到"


@pytest.mark.parametrize("version", ["", "x", "9" * 30, "-1", "²"])
def test_a_version_that_nobody_wrote_changes_nothing(desk, version):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    answer = desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/edit", data=typed(version=version))
    assert answer.status_code == 409
    assert chart(desk, patient_id).version == 1


def test_the_whole_phone_is_shown_on_request_and_each_request_is_written_down(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    for _ in range(2):
        answer = desk.owner.ask("POST", f"{PEOPLE}/{patient_id}/phone")
        assert WHOLE in answer.text
    assert audited(desk, "patient.phone_revealed") == [patient_id] * 2
    assert WHOLE not in desk.owner.client.get(f"{PEOPLE}/{patient_id}").text


@pytest.mark.parametrize(
    ("role", "may_manage", "may_reveal"),
    [("doctor", False, True), ("chief", False, True), ("desk", True, True), ("agent", True, True)],
)
def test_who_may_change_charts_and_see_whole_phones(desk, app, role, may_manage, may_reveal):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    person = log_in_directly(app, desk.scene.chain, role)
    page = person.client.get(f"{PEOPLE}/{patient_id}")
    assert (f"{PEOPLE}/{patient_id}/edit" in page.text) is may_manage
    assert (f"{PEOPLE}/{patient_id}/phone" in page.text) is may_reveal
    assert (person.client.get(f"{PEOPLE}/new").status_code == 200) is may_manage
    assert (person.ask("POST", f"{PEOPLE}/{patient_id}/phone").status_code == 200) is may_reveal


@pytest.mark.parametrize("role", ["marketer", "accountant"])
def test_charts_are_not_for_everybody(desk, app, role):
    person = log_in_directly(app, desk.scene.chain, role)
    patient_id = desk.scene.patient_ids[0]
    for path in (PEOPLE, f"{PEOPLE}/{patient_id}", f"{PEOPLE}/{patient_id}/timeline", f"{PEOPLE}/new"):
        assert person.client.get(path).status_code == 403
    assert person.ask("POST", f"{PEOPLE}/{patient_id}/phone").status_code == 403
    assert audited(desk, "patient.phone_revealed") == []


def test_a_merged_chart_leads_to_the_one_it_became(desk):
    kept, gone = desk.patient("王小红", PHONE), desk.patient("王小洪", PHONE)
    write(
        desk, lambda session: setattr(session.get(Patient, (session.tenant_id, gone)), "merged_into_id", kept)
    )
    answer = desk.owner.client.get(f"{PEOPLE}/{gone}")
    assert answer.status_code == 303
    page = desk.owner.client.get(answer.location, headers=DRAWER)
    assert "was merged into this one" in words(page)
    assert "王小红" in words(page)
    assert audited(desk, "patient.viewed") == [kept]
    changed = desk.owner.ask("POST", f"{PEOPLE}/{gone}/edit", data=typed(version="1"))
    assert changed.location == f"{PEOPLE}/{gone}"
    assert shown(desk.owner.client.get(PEOPLE)).count("王小洪") == 0


def test_an_erased_chart_has_no_name_and_is_not_changed(desk):
    gone = desk.patient("王小红")
    write(
        desk,
        lambda session: setattr(session.get(Patient, (session.tenant_id, gone)), "erased_at", clock.now()),
    )
    page = desk.owner.client.get(f"{PEOPLE}/{gone}")
    assert "Erased" in words(page)
    assert "王小红" not in page.text
    assert f"{PEOPLE}/{gone}/edit" not in page.text
    assert desk.owner.client.get(f"{PEOPLE}/{gone}/edit").location == f"{PEOPLE}/{gone}"


def test_what_happened_long_ago_is_read_page_by_page(desk):
    patient_id = desk.patient("王小红")

    def happen(session) -> None:
        for number in range(65):
            services.note(
                session,
                kind="booking.confirmed",
                at=clock.now() - dt.timedelta(minutes=number),
                cause=f"c{number}",
                subject_id=number + 1,
                patient_id=patient_id,
            )

    write(desk, happen)
    page = desk.owner.client.get(f"{PEOPLE}/{patient_id}", headers=DRAWER)
    counts = [page.text.count("Confirmed by the clinic")]
    while older := re.search(r'hx-get="([^"]+/timeline[^"]+)"', page.text):
        page = desk.owner.client.get(older.group(1), headers={"HX-Request": "true"})
        assert "<html" not in page.text
        counts.append(page.text.count("Confirmed by the clinic"))
    assert counts == [30, 30, 5]
    assert desk.owner.client.get(f"{PEOPLE}/{patient_id}/timeline").location == f"{PEOPLE}/{patient_id}"
    assert audited(desk, "patient.viewed") == [patient_id]


@pytest.mark.parametrize("before", ["nonsense", "W10", "WzEsMl0"])
def test_a_cursor_that_nobody_wrote_is_refused(desk, before):
    patient_id = desk.scene.patient_ids[0]
    assert desk.owner.client.get(f"{PEOPLE}/{patient_id}/timeline?before={before}").status_code == 400


def test_visits_and_bindings_become_facts(desk):
    """Through the events and their reactions, as the workers run them."""
    patient_id = desk.scene.patient_ids[0]
    appointment_id = desk.book()
    write(desk, lambda session: _come(session, appointment_id, desk.owner_actor))
    write(desk, lambda session: services.bind(
        session, fan_id=desk.scene.fan_ids[0], patient_id=patient_id, how="desk", by=OPERATOR, now=clock.now()
    ))  # fmt: skip
    _react(desk, desk.appointment(appointment_id).starts_at)
    known = desk.read(lambda session: queries.facts(session, [patient_id])[patient_id])
    assert (known.visits, known.is_bound) == (1, True)
    assert known.last_visit_at == desk.appointment(appointment_id).starts_at
    page = words(desk.owner.client.get(f"{PEOPLE}/{patient_id}"))
    assert "Visits 1" in page


def _come(session, appointment_id: int, by: Actor) -> None:
    """Let somebody come who is expected today."""
    visit = session.get(Appointment, (session.tenant_id, appointment_id))
    booking.act(session, appointment_id, "check_in", by=by, now=visit.starts_at)


def _react(desk, now: dt.datetime) -> None:
    with tenant_scope(desk.scene.chain.id):
        while True:
            with unit_of_work() as session:
                claimed = outbox.claim(session, now=now)
            if not claimed:
                return
            with unit_of_work() as session:
                assert outbox.work(session, claimed, now=now).failed == 0
