"""The rows of a disposal list as a form: the same in a disposal and in a restoration."""

from __future__ import annotations

from domain.kind import Field, Option, text

MEDIUM = Field(
    id="medium",
    title=text("载体", "medium"),
    type="choice",
    options=(
        Option(id="electronic", title=text("电子", "electronic")),
        Option(id="paper", title=text("纸质", "paper")),
    ),
    mark="P",
)
LIST_HASH = Field(
    id="list_hash", title=text("清单哈希", "hash of the list"), minimum=64, maximum=64, mark="P"
)
TIME_STATUS = Field(
    id="time_status",
    title=text("时间证明", "proof of time"),
    type="choice",
    options=(
        Option(id="proven", title=text("外部时间已证明", "proven by others")),
        Option(id="self-asserted", title=text("自行声明", "self-asserted")),
    ),
    mark="P",
)
ITEM = Field(id="item", title=text("序号", "item"), maximum=40, mark="P")
ITEMS = Field(
    id="items",
    title=text("清单", "items"),
    type="rows",
    maximum=5000,
    rows=(
        ITEM,
        Field(id="record", title=text("记录标识", "record id"), maximum=32, mark="P"),
        Field(
            id="number",
            title=text("记录编号", "record number"),
            maximum=64,
            required=False,
            mark="P",
        ),
        Field(id="kind", title=text("种类", "kind"), maximum=48, mark="P"),
        Field(id="class", title=text("保管类别", "retention class"), maximum=48, mark="P"),
        Field(id="base_date", title=text("起算日", "base date"), type="date", mark="P"),
        Field(id="last_day", title=text("保管期满日", "last day"), type="date", mark="P"),
        Field(id="rule", title=text("适用规则", "winning rule"), maximum=64, mark="P"),
        Field(
            id="rule_version",
            title=text("规则版本", "version of the rule"),
            type="integer",
            minimum=1,
            mark="P",
        ),
        Field(
            id="rule_hash",
            title=text("规则哈希", "hash of the rule"),
            minimum=64,
            maximum=64,
            mark="P",
        ),
        Field(
            id="head",
            title=text("末事件哈希", "hash of the last event"),
            minimum=64,
            maximum=64,
            mark="P",
        ),
        Field(id="version", title=text("版本", "version"), type="integer", minimum=1, mark="P"),
        Field(
            id="owner",
            title=text("业务负责人", "business owner"),
            maximum=32,
            required=False,
            mark="P",
        ),
        Field(
            id="group",
            title=text("同进退的一组", "group that goes together"),
            maximum=64,
            required=False,
            mark="P",
        ),
        Field(
            id="copy",
            title=text("纸质件记录", "record of the paper copy"),
            maximum=32,
            required=False,
            mark="P",
        ),
        Field(
            id="transfer",
            title=text("移交记录", "record of its transfer"),
            maximum=32,
            required=False,
            mark="P",
        ),
        Field(
            id="transferred_on",
            title=text("移交日期", "transferred on"),
            type="date",
            required=False,
            mark="P",
        ),
    ),
    mark="P",
)
