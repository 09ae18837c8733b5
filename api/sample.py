"""The sample plant: people, departments, and the seeds' own worked examples (SEEDS M).

A complaint of 科技公司 about 100 devices three days late goes from receipt to callback; a second
one has just come in. The project 季度新品推广 goes from request over kick-off, minutes, tracker and
acceptance to its filed dossier. Three corrective actions of the old system are imported, and filed
by the days that its register proves; one matter is under legal hold, one record has a copy on
paper. Each act is the command that its person would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from api.clock import now
from api.first_start import Hand, issue, publish_calendars
from archive.opening import Archive
from domain.record import Record
from retention import founding
from retention.imports import file_imported
from retention.journal import Journal

DEPARTMENTS = {
    "adm": ("行政部", "Administration", ["adm"]),
    "mkt": ("市场部", "Marketing", ["mkt"]),
    "design": ("设计部", "Design", ["rd"]),
    "sales": ("销售部", "Sales", ["sales"]),
    "cs": ("客服部", "Customer Service", ["cs", "crm"]),
    "prod": ("生产部", "Production", ["prod", "pmc"]),
    "logistics": ("物流部", "Logistics", ["logistics"]),
    "qc": ("品管科", "Quality Control", ["qc", "eng"]),
    "legal": ("法务部", "Legal", ["legal"]),
    "gmo": ("总经办", "General Manager's Office", ["gmo"]),
}
PEOPLE = {
    "admin": ("系统管理员", "adm", ["administrator"]),
    "gm": ("赵国强", "gmo", ["gm", "executive"]),
    "mr": ("钱慧敏", "gmo", ["mr", "quality-manager"]),
    "adm": ("孙丽", "adm", ["records-officer"]),
    "archivist": ("何静", "adm", []),
    "mkt": ("李明", "mkt", []),
    "design": ("周文", "design", []),
    "sales": ("吴涛", "sales", ["sales-director"]),
    "cs": ("郑洁", "cs", ["supervisor"]),
    "clerk": ("王芳", "cs", []),
    "prod": ("冯刚", "prod", []),
    "logistics": ("陈晨", "logistics", []),
    "qc": ("褚卫", "qc", []),
    "legal": ("卫华", "legal", []),
    "manager": ("沈明", "prod", ["customer-manager"]),
}
HEADS = {d: d for d in DEPARTMENTS if d != "gmo"} | {"gmo": "gm"}
KEYS = {
    "admin": ("read", "write"),
    "gm": ("read", "write", "confidential", "export"),
    "mr": ("read", "write", "confidential", "export"),
    "clerk": ("read", "write", "confidential", "export"),
    "manager": ("read", "write", "confidential"),
    "adm": ("read", "write", "confidential", "export"),
    "archivist": ("read", "write", "confidential", "export"),
    "mkt": ("read", "write", "export"),
}


@dataclass
class Plant:
    """Who is who, by short name; `keys` are shown to whoever tries the sample out."""

    hand: Hand
    departments: dict[str, str]
    people: dict[str, str]
    keys: dict[str, str]

    def by(self, person: str) -> Hand:
        return self.hand.as_person(self.people[person])


def fill(archive: Archive) -> dict[str, str]:
    """Fill an empty archive with the sample plant; API keys by person's name."""
    plant = _people(Hand(archive))
    late = _late_delivery(plant)
    _fresh_complaint(plant)
    _promotion(plant)
    _paper(plant, late)
    _claim_for_damages(plant)
    _old_system(plant)
    return plant.keys


def _people(hand: Hand) -> Plant:
    departments = {
        short: hand.open("department", "establish", name=zh, name_en=en, functions=functions)
        for short, (zh, en, functions) in DEPARTMENTS.items()
    }
    people = {
        short: hand.open(
            "person", "register", name=name, department=departments[where].id, roles=roles
        ).id
        for short, (name, where, roles) in PEOPLE.items()
    }
    for short, record in departments.items():
        zh, en, functions = DEPARTMENTS[short]
        hand.take(
            record, "change", name=zh, name_en=en, functions=functions, head=people[HEADS[short]]
        )
    publish_calendars(hand)
    founding.found(hand.archive)
    keys = {
        f"{PEOPLE[short][0]} ({short})": issue(hand, PEOPLE[short][0], people[short], rights)
        for short, rights in KEYS.items()
    }
    return Plant(hand, {short: r.id for short, r in departments.items()}, people, keys)


def _late_delivery(plant: Plant) -> Record:
    """科技公司: 100 devices three days late, urgent (SEEDS M, external flow)."""
    clerk, manager, qc = plant.by("clerk"), plant.by("manager"), plant.by("qc")
    record = clerk.open(
        "complaint",
        "receive",
        customer="科技公司",
        customer_class="strategic",
        contact_person="何工",
        phone="400-000-0000",
        channel="phone",
        matter="产品交付延迟",
        description="采购的100台设备延迟3天交付,影响项目上线。",
        place="客户项目现场",
        batch="2026-11-A",
        part="A-4711/B",
        quantity=100,
        demand="尽快交付,并赔偿延期损失。",
        impact="影响项目上线",
        priority="urgent",
    )
    clerk.take(record, "respond-l1", answer="已受理,2小时内给出原因。", told_customer=True)
    clerk.take(record, "transfer", department=plant.departments["prod"])
    manager.take(
        record,
        "analyse",
        cause="生产部因原材料短缺导致延迟。",
        responsibility="internal",
        responsible_department=plant.departments["prod"],
        plan="优先安排生产,承诺2日内交付,赔偿客户500元延期损失。",
        compensation=True,
        compensation_terms="赔偿客户500元延期损失",
        compensation_amount="500.00",
        spokesperson=plant.people["manager"],
        parts_expected=False,
    )
    manager.take(record, "inform-legal", terms="赔偿客户500元延期损失")
    manager.take(
        record,
        "contact",
        channel="phone",
        spoken_to="何工",
        causes_and_measures="已收到投诉并重视;原材料短缺,今日加班生产。",
        plan="明日17点前送达,赔偿方案已同步法务部。",
    )
    manager.take(record, "confirm-plan", confirmed_by="何工", agreed_until=_in(timedelta(days=1)))
    manager.take(record, "update", type="production", progress="100台全部下线,检验合格。")
    plant.by("logistics").take(
        record, "update", type="shipping", progress="已发出。", tracking_number="SF1234567890"
    )
    report = qc.attach("原材料短缺-5Why分析.txt", "text/plain", WHY.encode())
    qc.take(
        record,
        "root-cause",
        files=(report,),
        method="5why",
        root_cause="安全库存未随新品订单调整。",
        evidence=[report.id],
        similar_affected=True,
        similar="同一物料的两条产线已同步调整安全库存。",
    )
    manager.take(record, "solve", result="100台设备已于约定时间前送达并签收。")
    manager.take(
        record,
        "feed-back",
        result="设备已送达,赔偿款已支付。",
        told_to="何工",
        channel="phone",
        tracking_number="SF1234567890",
    )
    clerk.take(
        record, "call-back", satisfaction="satisfied", remarks="处理及时。", spoken_to="何工"
    )
    return plant.by("adm").file(record, "A区3柜5盒")


WHY = """1. 为什么延迟? 原材料到料不足。
2. 为什么不足? 采购按旧的安全库存下单。
3. 为什么按旧库存? 新品订单没有触发参数更新。
4. 为什么没有触发? 订单评审表没有这一项。
5. 根本原因: 订单评审未包含安全库存的复核。
"""


def _fresh_complaint(plant: Plant) -> None:
    """One that has just come in: its clocks run."""
    clerk = plant.by("clerk")
    record = clerk.open(
        "complaint",
        "receive",
        customer="华东机械",
        contact_person="林女士",
        channel="email",
        matter="功能故障",
        description="炉号 2211 的三件产品装配后异响。",
        batch="2211",
        part="A-4711/B",
        quantity=3,
        demand="更换并说明原因。",
        priority="important",
    )
    clerk.take(record, "transfer", department=plant.departments["prod"])


def _promotion(plant: Plant) -> None:
    """季度新品推广: 30 days, 20,000 yuan; poster on day 10, channel list on day 15."""
    mkt, today = plant.by("mkt"), now().date()
    project = "季度新品推广项目"
    design, sales = plant.departments["design"], plant.departments["sales"]
    milestones = [
        {"name": "海报初稿", "due": _day(today, 10), "department": design},
        {"name": "渠道清单", "due": _day(today, 15), "department": sales},
    ]
    request = _request(plant, mkt, project, milestones)
    minutes = _kick_off(plant, mkt, project, milestones)
    mkt.take(
        request,
        "kick-off",
        held_at=_in(timedelta()),
        online=False,
        participants=[plant.people[p] for p in ("mkt", "design", "sales")],
        duties=_duties(plant),
        milestones=milestones,
        mechanism=MECHANISM,
        minutes=minutes.id,
    )
    acceptance = _acceptance(plant, mkt, project)
    tracker = _tracker(plant, mkt, project, milestones, acceptance)
    members = [request, minutes, tracker, acceptance]
    keeper = plant.by("adm")
    for member in members:
        keeper.file(member)
    dossier = mkt.open(
        "dossier", "open", project=project, departments=[plant.departments["mkt"], design, sales]
    )
    for member in members:
        mkt.link(dossier, "contains", member)
    mkt.take(dossier, "complete")
    keeper.file(dossier, "A区1柜2盒")


MECHANISM = "每周五下午项目群同步进度,紧急事项电话即时沟通。"


def _duties(plant: Plant) -> list[dict[str, str]]:
    return [
        {"department": plant.departments["design"], "duty": "负责海报初稿"},
        {"department": plant.departments["sales"], "duty": "负责渠道调研和渠道清单"},
    ]


def _request(plant: Plant, mkt: Hand, project: str, milestones: list[dict[str, str]]) -> Record:
    request = mkt.open(
        "collaboration-request",
        "draft",
        project=project,
        goal="完成季度新品的市场推广。",
        content="设计部完成宣传海报,销售部提供渠道清单。",
        departments=[plant.departments["design"], plant.departments["sales"]],
        starts_on=now().date().isoformat(),
        period_days=30,
        milestones=milestones,
        budget="20000.00",
        result="海报定稿、渠道清单、推广活动复盘。",
        responsible=plant.people["mkt"],
    )
    mkt.take(request, "issue")
    request = mkt.take(request, "copy")
    for head in ("design", "sales"):
        request = plant.by(head).acknowledge(request)
    return mkt.take(request, "schedule", starts_at=_in(timedelta(hours=1)), place="一号会议室")


def _kick_off(plant: Plant, mkt: Hand, project: str, milestones: list[dict[str, str]]) -> Record:
    people = [plant.people[p] for p in ("mkt", "design", "sales")]
    minutes = mkt.open(
        "minutes",
        "draft",
        type="kick-off",
        topic=f"{project}启动会",
        goal="确认职责、里程碑和沟通机制。",
        held_at=_in(timedelta()),
        place="一号会议室",
        chair=plant.people["mkt"],
        departments=[plant.departments[d] for d in ("mkt", "design", "sales")],
        participants=people,
        discussion="各部门共同确认职责和里程碑节点。",
        decisions="海报初稿第10天提交,渠道清单第15天提交。",
        duties=_duties(plant),
        milestones=milestones,
        mechanism=MECHANISM,
        actions=[
            {"task": "提供海报素材", "owner": plant.people["mkt"], "due": milestones[0]["due"]}
        ],
        project=project,
    )
    minutes = mkt.take(minutes, "issue")
    for head in ("mkt", "design", "sales"):
        minutes = plant.by(head).sign(minutes, "heads")
    minutes = mkt.take(minutes, "distribute")
    minutes = plant.by("design").acknowledge(minutes)
    return mkt.take(minutes, "complete-action", item="actions-1", result="素材已提供。")


def _acceptance(plant: Plant, mkt: Hand, project: str) -> Record:
    acceptance = mkt.open(
        "acceptance",
        "open",
        project=project,
        departments=[plant.departments[d] for d in ("mkt", "design", "sales")],
        items=[
            {
                "name": "推广物料审核",
                "kind": "material",
                "standard": "海报定稿,文字无误",
                "department": plant.departments["design"],
            },
            {
                "name": "活动效果复盘",
                "kind": "effect",
                "standard": "复盘会议完成",
                "department": plant.departments["sales"],
            },
        ],
    )
    for item in ("items-1", "items-2"):
        mkt.take(acceptance, "accept-item", item=item, finding="符合标准。")
    mkt.take(
        acceptance,
        "review",
        held_on=now().date().isoformat(),
        participants=[plant.people[p] for p in ("mkt", "design", "sales")],
        conclusion="全部通过。",
    )
    acceptance = mkt.take(acceptance, "ask-confirmation")
    for head in ("mkt", "design", "sales"):
        acceptance = plant.by(head).sign(acceptance, "acceptance")
    return acceptance


def _tracker(
    plant: Plant,
    mkt: Hand,
    project: str,
    milestones: list[dict[str, str]],
    acceptance: Record,
) -> Record:
    owners = (plant.people["design"], plant.people["sales"])
    tracker = mkt.open(
        "progress-tracker",
        "open",
        project=project,
        departments=[plant.departments["design"], plant.departments["sales"]],
        channel="企业钉钉群",
        milestones=[{**m, "owner": owner} for m, owner in zip(milestones, owners, strict=True)],
    )
    plant.by("design").take(
        tracker, "announce-delay", item="milestones-1", cause="素材未到位", help="请提供素材"
    )
    mkt.take(
        tracker,
        "settle-delay",
        item="milestones-1",
        outcome="help",
        help_given="市场部当日提供素材。",
        agreed_with=[plant.people["design"]],
    )
    mkt.take(
        tracker,
        "weekly-summary",
        week_of=now().date().isoformat(),
        summary="海报初稿按期,渠道清单进行中。",
        progress=[
            {"milestone": "海报初稿", "percent": 100},
            {"milestone": "渠道清单", "percent": 60},
        ],
        lagging=False,
    )
    for item in ("milestones-1", "milestones-2"):
        mkt.take(tracker, "reach-milestone", item=item, reached_on=now().date().isoformat())
    mkt.link(acceptance, "accepts", tracker)
    return mkt.take(tracker, "close", conclusion="项目完成。")


# ---------------------------------------------------------------- retention


def _paper(plant: Plant, record: Record) -> None:
    """The signed reply to 科技公司 also lies in a box; it was compared with what is filed."""
    archivist = plant.by("archivist")
    copy = archivist.open(
        "paper-copy",
        "register",
        record=record.id,
        copy=1,
        location="A区3柜",
        box="5盒",
        pages=6,
        keeper=plant.people["archivist"],
        signed_original=False,
        required_by="none",
    )
    archivist.take(copy, "check", electronic_ok=True, pages=6)


def _claim_for_damages(plant: Plant) -> None:
    """华东机械 wants damages: nothing about it goes, whatever its period, until that is settled."""
    plant.by("legal").open(
        "legal-hold",
        "place",
        matter="华东机械异响索赔",
        authority="公司法务部 2026-11 号保全通知",
        reason="索赔谈判期间须完整保存证据。",
        custodian=plant.people["legal"],
        where=[{"what": "customer", "value": "华东机械"}],
    )


OLD_CAPAS = (
    ("到货数量不足的纠正", "江北电器", 3 * 365 - 20),
    ("表面划伤的纠正", "东海汽配", 3 * 365 - 75),
    ("标签错贴的纠正", "江北电器", 3 * 365 - 160),
)
"""Subject, customer, and how many days ago the old system had filed it."""


def _old_system(plant: Plant) -> None:
    """Imported corrective actions. Their day of filing counts because a register proves it and two
    people approved that; without it they would count from today."""
    today, archive = now().date(), plant.hand.archive
    records = [
        plant.hand.imported(
            "capa",
            "issue",
            {"system": "旧质量系统", "id": f"CA-{number:04d}"},
            subject=subject,
            problem=f"旧系统结案:{subject}。",
            customer=customer,
            departments=[plant.departments["qc"]],
        )
        for number, (subject, customer, _) in enumerate(OLD_CAPAS, start=118)
    ]
    archivist = plant.by("archivist")
    register = archivist.attach("旧系统归档登记簿.csv", "text/csv", REGISTER.encode())
    claim = archivist.open(
        "base-date-claim",
        "claim",
        (register,),
        source="旧质量系统",
        evidence="旧系统归档登记簿,行政部逐条核对。",
        files=[register.id],
        items=[
            {"record": record.id, "date": _day(today, -days)}
            for record, (_, _, days) in zip(records, OLD_CAPAS, strict=True)
        ],
    )
    plant.by("adm").take(claim, "approve-first", note="已核对登记簿。")
    plant.by("mr").take(claim, "approve-second")
    filed = file_imported(
        archive, Journal(archive), archivist.actor, [r.id for r in records], claim=claim.id
    )
    if any(one.error is not None for one in filed):
        raise AssertionError("an approved claim files its records")


REGISTER = """编号,客户,归档
CA-0118,江北电器,已归档
CA-0119,东海汽配,已归档
CA-0120,江北电器,已归档
"""


def _day(start: date, days: int) -> str:
    return (start + timedelta(days=days)).isoformat()


def _in(span: timedelta) -> str:
    return (now() + span).isoformat()
