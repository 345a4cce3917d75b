"""한빛치과 (Seoul, KRW): a small second tenant, to show that the two are strangers."""

from __future__ import annotations

from engage.cli.demo.shapes import Chain, Duty, Family, Person, Place, Practitioner, Treatment

WEEK = (0, 1, 2, 3, 4, 5)

HANBIT = Chain(
    slug="hanbit",
    name="한빛치과",
    zone="Asia/Seoul",
    currency="KRW",
    colour="#3b5bdb",
    stores=(
        Place(
            slug="gangnam",
            name="한빛치과 강남점",
            short_name="강남점",
            address="서울특별시 강남구 테헤란로 152, 4층",
            phone="02-555-0142",
            transport="지하철 2호선 강남역 1번 출구에서 도보 3분.",
            latitude="37.500100",
            longitude="127.036400",
            hours=(((0, 1, 2, 3, 4), 10, 19), ((5,), 10, 15)),
            any_per_hour=1,
        ),
    ),
    doctors=(
        Practitioner(
            "김민준",
            "원장",
            "임플란트와 보철 진료를 맡고 있습니다.",
            (Duty("gangnam", WEEK, ((10, 13), (14, 19))),),
            items=("임플란트 상담", "충치 치료", "구강 검진"),
            kept=92,
        ),
        Practitioner(
            "박지우",
            "교정과 전문의",
            "투명 교정과 어린이 교정을 전문으로 합니다.",
            (Duty("gangnam", (1, 3, 5), ((10, 13), (14, 19))),),
            items=("교정 점검", "스케일링", "구강 검진"),
            kept=85,
        ),
    ),
    items=(
        (
            "예방",
            (
                Treatment("구강 검진", 30, "", (3, 99)),
                Treatment("스케일링", 30, "스케일링"),
            ),
        ),
        (
            "치료",
            (
                Treatment("충치 치료", 60, "치통", (5, 99)),
                Treatment("임플란트 상담", 30, "", (30, 99)),
                Treatment("교정 점검", 30, "교정 상담", (8, 45)),
            ),
        ),
    ),
    complaints=("치통", "잇몸 출혈", "스케일링", "교정 상담"),
    staff=(("owner", "김서연", "owner", None), ("desk", "이수빈", "desk", "gangnam")),
    families=(
        Family(
            "+821023450001", "", (Person("최지훈", "m", "1985-05-05"), Person("최서윤", "f", "2014-02-10"))
        ),
        Family("+821023450002", "", (Person("정하은", "f", "1992-09-30"),)),
        Family("+821023450003", "", (Person("강도윤", "m", "1978-12-01"),)),
        Family("+821023450004", "", (Person("윤예린", "f", "1996-07-17"),)),
        Family(
            "+821023450005", "", (Person("장우진", "m", "1969-03-23"), Person("오미경", "f", "1971-11-08"))
        ),
        Family("+821023450006", "", (Person("신유나", "f", "2000-01-29"),)),
    ),
    reasons=("갑작스러운 일정", "감기", "출장"),
    phone_region="KR",
    thin=3,
)
