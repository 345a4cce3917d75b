"""康美口腔: three stores in Shanghai, eight doctors, ten items."""

from __future__ import annotations

from engage.cli.demo.people import FAMILIES
from engage.cli.demo.shapes import EVERY_DAY, Chain, Duty, Place, Practitioner, Treatment

DAY = ((9, 12), (13, 18))
LATE = ((13, 20),)

STORES = (
    Place(
        slug="xuhui",
        name="康美口腔徐汇店",
        short_name="徐汇店",
        address="上海市徐汇区淮海中路 999 号 3 楼",
        phone="021-54000101",
        transport="地铁 1 号线、10 号线陕西南路站 3 号口，步行 4 分钟。地下停车场 B2 直达电梯。",
        latitude="31.215300",
        longitude="121.458600",
        hours=((EVERY_DAY, 9, 20),),
        any_per_hour=2,
    ),
    Place(
        slug="pudong",
        name="康美口腔浦东店",
        short_name="浦东店",
        address="上海市浦东新区世纪大道 100 号 2 楼",
        phone="021-58000102",
        transport="地铁 2 号线陆家嘴站 2 号口，步行 6 分钟。",
        latitude="31.235900",
        longitude="121.506900",
        hours=(((0, 1, 2, 3, 4), 9, 20), ((5, 6), 9, 18)),
        any_per_hour=2,
    ),
    Place(
        slug="jingan",
        name="康美口腔静安店",
        short_name="静安店",
        address="上海市静安区南京西路 1266 号 5 楼",
        phone="021-62000103",
        transport="地铁 2 号线、12 号线、13 号线南京西路站 4 号口，步行 3 分钟。",
        latitude="31.228200",
        longitude="121.452700",
        hours=((EVERY_DAY, 9, 20),),
        any_per_hour=1,
    ),
)

DOCTORS = (
    Practitioner(
        "林志远",
        "主任医师",
        "从事种植与修复二十三年，擅长复杂种植和全口重建。看诊前会把片子和方案讲清楚。",
        (Duty("xuhui", EVERY_DAY, DAY),),
        items=("种植咨询", "口腔检查", "拔智齿"),
        kept=96,
    ),
    Practitioner(
        "周明慧",
        "副主任医师",
        "牙周病专科，擅长牙周系统治疗和长期维护。做洁治和刮治都很轻。",
        (Duty("pudong", (0, 1, 2, 3, 4, 6), DAY),),
        items=("牙周治疗", "超声洁牙", "口腔检查"),
        kept=93,
    ),
    Practitioner(
        "吴静怡",
        "主治医师",
        "牙体牙髓专科，显微根管治疗十年，擅长保留疑难患牙。",
        (Duty("jingan", (0, 1, 3, 4, 5, 6), DAY),),
        items=("根管治疗", "补牙"),
        kept=90,
    ),
    Practitioner(
        "许雅琴",
        "副主任医师",
        "正畸专科，擅长隐形矫治和青少年早期矫治，每次复诊都会对照进度照片。",
        (Duty("xuhui", (1, 2, 3, 5, 6), LATE),),
        items=("正畸复诊", "口腔检查"),
        kept=91,
    ),
    Practitioner(
        "陈思远",
        "主治医师",
        "口腔外科，擅长微创拔除阻生智齿，术后会在第二天回访。",
        (Duty("xuhui", (0, 2, 4), DAY), Duty("pudong", (5,), DAY)),
        items=("拔智齿", "口腔检查"),
        kept=86,
    ),
    Practitioner(
        "方文博",
        "主治医师",
        "综合牙科，补牙、牙体修复和美白。晚上和周末也可以约。",
        (Duty("pudong", (0, 1, 3, 4, 5), LATE),),
        items=("补牙", "冷光美白", "超声洁牙"),
        kept=40,
    ),
    Practitioner(
        "苏晴",
        "主治医师",
        "儿童口腔专科，擅长和第一次看牙的孩子相处。窝沟封闭、涂氟、早期龋。",
        (Duty("pudong", (2, 6), DAY), Duty("jingan", (0, 4, 5), DAY)),
        items=("儿童涂氟", "口腔检查", "补牙"),
        kept=84,
        per_slot=2,
    ),
    Practitioner(
        "高远航",
        "医师",
        "全科医师，检查、洁治和常规治疗。可以用英语沟通。",
        (Duty("jingan", (1, 2, 3, 5, 6), LATE),),
        items=("口腔检查", "超声洁牙", "补牙"),
        kept=80,
    ),
)

ITEMS = (
    (
        "检查与预防",
        (
            Treatment("口腔检查", 30, "定期复查", (3, 99)),
            Treatment("超声洁牙", 45, "想洗牙"),
            Treatment("儿童涂氟", 30, "孩子换牙", (2, 13)),
        ),
    ),
    (
        "治疗",
        (
            Treatment("补牙", 60, "补的牙掉了", (5, 99)),
            Treatment("根管治疗", 90, "牙痛"),
            Treatment("牙周治疗", 60, "牙龈出血"),
        ),
    ),
    (
        "拔牙与种植",
        (
            Treatment("拔智齿", 60, "智齿发炎", (18, 60)),
            Treatment("种植咨询", 30, "缺牙，想了解种植", (30, 99), ("xuhui",)),
        ),
    ),
    (
        "正畸与美白",
        (
            Treatment("正畸复诊", 30, "牙齿不齐", (10, 45)),
            Treatment("冷光美白", 60, "", (18, 60), ("xuhui", "pudong")),
        ),
    ),
)

COMPLAINTS = (
    "牙痛",
    "牙龈出血",
    "想洗牙",
    "牙齿敏感",
    "补的牙掉了",
    "智齿发炎",
    "缺牙，想了解种植",
    "牙齿不齐",
    "孩子换牙",
    "定期复查",
)

# Log-in, name, role, store (None: all stores).
STAFF = (
    ("owner", "陈晓", "owner", None),
    ("manager", "赵敏", "manager", None),
    ("marketer", "孙浩", "marketer", None),
    ("desk", "李娜", "desk", "xuhui"),
    ("consultant", "欧阳静", "consultant", None),
    ("agent1", "王磊", "agent", None),
    ("agent2", "刘洋", "agent", None),
    ("doctor1", "林志远", "doctor", "xuhui"),
    ("coordinator", "何佳", "coordinator", None),
    ("chief", "郑国强", "chief", None),
    ("accountant", "钱多", "accountant", None),
)

KANGMEI = Chain(
    slug="kangmei",
    name="康美口腔",
    zone="Asia/Shanghai",
    currency="CNY",
    colour="",
    stores=STORES,
    doctors=DOCTORS,
    items=ITEMS,
    complaints=COMPLAINTS,
    staff=STAFF,
    families=FAMILIES,
    sought="方文博",
    reasons=("临时有事", "感冒了", "要出差", "孩子要考试", "想换个时间再约"),
)
