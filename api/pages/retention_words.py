"""The labels of the retention pages, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from domain.kind import Text, text

RETENTION_WORDS: Mapping[str, Text] = {
    "retention": text("保管", "Retention"),
    "retention-lead": text(
        "什么到期、什么不得处置及原因;期限不可缩短,处置须经列单、审查与两级批准。",
        "What may go, what may not and why. No period is ever cut short; a disposal is listed, "
        "reviewed and approved twice.",
    ),
    "time-that-counts": text("计算所依时间", "The time that counts"),
    "frozen": text("处置已冻结", "disposal is frozen"),
    "tab-due": text("到期", "Due"),
    "tab-held": text("法律保全", "Held"),
    "tab-pending": text("待触发", "Pending"),
    "tab-blocked": text("受阻", "Blocked"),
    "tab-unfiled": text("逾期未归档", "Unfiled"),
    "tab-months": text("今后十二个月", "Next twelve months"),
    "tab-rules": text("保管规则", "Rules"),
    "tab-disposals": text("处置清单", "Disposals"),
    "tab-certificates": text("销毁证明", "Certificates"),
    "lead-due": text(
        "这些记录今天可以列入处置清单;列单之前没有任何东西会被销毁。",
        "These may be listed for disposal today. Nothing goes without a list that was approved.",
    ),
    "lead-held": text(
        "处于法律保全中的记录,以及与其绑定的记录;解除须两人办理。",
        "What is under legal hold, and what is bound to it. A release takes two people.",
    ),
    "lead-pending": text(
        "期限由某个事件起算(如零件停产),该事件尚未登记确认。",
        "The period begins with an event, such as a part's end of service, that nobody has "
        "confirmed yet.",
    ),
    "lead-blocked": text(
        "因其他原因不得处置:没有规则、同组未完、纸质件未销毁、完整性存疑。",
        "May not go for another reason: no rule, a group that is not done, living paper, doubt "
        "about its history.",
    ),
    "lead-unfiled": text(
        "办结逾30日仍未归档:期限没有起算,永远不会到期。",
        "Closed for more than 30 days and not filed: the period has not begun, and never ends.",
    ),
    "lead-months": text(
        "按现行规则,各月到期的件数;每件均计至最后一个期限。",
        "How many fall due in each month under the rules as they are now.",
    ),
    "lead-rules": text(
        "每条规则及其每个版本,以及依据。新版本延长即时生效,缩短只及于此后归档者。",
        "Every rule in every version, and its authority. What a new version lengthens counts at "
        "once; what it shortens counts for what is filed afterwards.",
    ),
    "lead-disposals": text(
        "列单、审查、两级批准、冷静期、执行;每一步都要重新输入密钥并签署清单哈希。",
        "Listed, reviewed, approved twice, a cool-off, executed. Approvals ask for the key again "
        "and sign the hash of the list.",
    ),
    "lead-certificates": text(
        "销毁证明永久保管,可打印,可离线核验。",
        "Certificates are kept for ever, print on A4 and verify offline.",
    ),
    "nothing-here": text("这里没有记录。", "There is nothing here."),
    "base-date": text("起算日", "Base date"),
    "last-day": text("最后保管日", "Last day"),
    "may-go-from": text("可处置自", "May go from"),
    "rule": text("规则", "Rule"),
    "why": text("原因", "Why"),
    "medium": text("载体", "Medium"),
    "medium-electronic": text("电子", "electronic"),
    "medium-paper": text("纸质", "paper"),
    "unfiled-since": text("可归档自", "Could be filed since"),
    "group-of": text("同组件数", "group of"),
    "month": text("月份", "Month"),
    "records-due": text("到期件数", "fall due"),
    "authority": text("依据", "Authority"),
    "period": text("期限", "Period"),
    "counts-from": text("起算", "Counts from"),
    "in-force-since": text("生效", "In force since"),
    "approved-by": text("批准人", "Approved by"),
    "shipped": text("随产品提供", "shipped"),
    "cut-anniversary": text("届满日", "anniversary"),
    "cut-end-of-calendar-year": text("日历年末", "end of calendar year"),
    "trigger-filed": text("归档", "filing"),
    "trigger-product-service-ended": text("产品及备件停止供应", "end of product and service"),
    "trigger-contract-ended": text("合同终止", "end of contract"),
    "trigger-created": text("形成", "creation"),
    "trigger-customer-date": text("客户指定日期", "a date the customer gives"),
    "permanent": text("永久", "for ever"),
    "status-due": text("到期", "due"),
    "status-running": text("期限内", "being kept"),
    "status-held": text("法律保全", "held"),
    "status-pending": text("待触发", "pending"),
    "status-blocked": text("不得处置", "may not go"),
    "status-unfiled": text("未归档", "not filed"),
    "status-disposed": text("已处置", "disposed of"),
    "paper-copy": text("纸质件", "Paper copy"),
    "paper-copies": text("纸质件", "Paper copies"),
    # ---- a disposal
    "make-list": text("将全部到期记录列单", "List all that is due"),
    "make-list-lead": text(
        "冻结一份清单供审查与批准。部门负责人审查本部门的记录;没有负责人的由您指定。",
        "Freezes a list for review and approval. Heads of departments review what is theirs; name "
        "somebody for the rest.",
    ),
    "reviewer": text("审查人", "Reviewer"),
    "nobody-named": text("不指定", "nobody"),
    "disposal": text("处置清单", "Disposal"),
    "list-hash": text("清单哈希", "List hash"),
    "list-hash-hint": text(
        "批准即签署此哈希;清单有任何改动,批准全部作废。",
        "To approve is to sign this hash. Whatever changes the list voids every approval.",
    ),
    "listed-by": text("列单人", "Listed by"),
    "time-proof": text("时间证明", "Proof of time"),
    "time-proven": text("外部证明", "proven by others"),
    "time-self-asserted": text("自行声明", "self-asserted"),
    "way-listed": text("列单", "Listed"),
    "way-reviewed": text("审查", "Reviewed"),
    "way-approved-once": text("一级批准", "First approval"),
    "way-approved": text("二级批准", "Second approval"),
    "way-executing": text("执行", "Executed"),
    "way-certified": text("证明", "Certified"),
    "executed-so-far": text("已执行", "executed so far"),
    "under-way": text("正在执行;请稍后刷新本页。", "Being executed: reload the page in a moment."),
    "outcome": text("审查结论", "Outcome"),
    "outcome-destroy": text("销毁", "destroy"),
    "outcome-keep": text("继续保管", "keep"),
    "outcome-transfer": text("移交", "transfer"),
    "outcome-hold": text("保全", "hold"),
    "transferred-on": text("已移交", "transferred on"),
    "choose": text("请选择", "choose"),
    "not-reviewed": text("未审查", "not reviewed"),
    "result": text("结果", "Result"),
    "result-destroyed": text("已销毁", "destroyed"),
    "result-exception": text("例外", "exception"),
    "my-review": text("审查我负责的记录", "Review what is yours"),
    "my-review-lead": text(
        "逐项选择结论。“继续保管”须写明日期(不超过十年)和理由;“移交”“保全”须写明理由。"
        "这些结论在以后各清单上同样有效,您不能自行撤销:由档案管理员和质量经理两人更正。",
        "Choose for each. To keep it takes a day (within ten years) and a reason; to transfer or "
        "hold it takes a reason. These stand on every later list, and you cannot take them back: "
        "the records officer and the quality manager correct them together.",
    ),
    "submit-review": text("提交审查", "Submit the review"),
    "approve": text("批准", "Approve"),
    "approve-lead": text(
        "您将以自己的名义签署下面的清单哈希,并声明今天的日期。请再次输入您的密钥。",
        "You sign the hash of the list below in your own name, and attest today's date. Enter your "
        "key once more.",
    ),
    "today": text("今日日期", "Today's date"),
    "key-again": text("再次输入您的接口密钥", "Your API key once more"),
    "reauth-failed": text(
        "密钥不是您的或已失效;没有写入任何内容。",
        "This is not your key, or no longer good. Nothing was written.",
    ),
    "sign-and-approve": text("签署并批准", "Sign and approve"),
    "start-execution": text("开始执行", "Begin the execution"),
    "start-lead": text(
        "冷静期满后的工作日方可开始;开始后逐件重新核查,不符者列为例外。",
        "On a working day after the cool-off. Everything is asked anew for each item; what may "
        "not go becomes an exception.",
    ),
    "execute-now": text("执行并出具证明", "Destroy, verify, certify"),
    "execute-lead": text(
        "销毁密钥与内容,核实无残留,出具证明。可重复,中断后可续。",
        "Destroys keys and content, verifies that nothing is left, and certifies. May be repeated; "
        "an interruption does no harm.",
    ),
    "try-again": text("重试例外", "Retry the exceptions"),
    "withdraw-list": text("撤回清单", "Withdraw the list"),
    "shredded": text("登记纸质件已销毁", "Say that the paper is destroyed"),
    "shredded-lead": text(
        "先经系统核对再粉碎:若有一件不得处置,则全部不登记。",
        "Asked first, then shredded: if one copy may not go, none is recorded.",
    ),
    "method": text("方式", "Method"),
    "witness": text("监销", "Witness the destruction"),
    "witness-lead": text(
        "您证明亲眼看到上述纸质件被销毁。", "You witness that this paper was destroyed."
    ),
    "print-certificate": text("打印证明", "Printable certificate"),
    "proof-bundle": text("下载证明包", "Download the proof"),
    "hands": text("经手人", "Who did what"),
    "step": text("步骤", "Step"),
    "time": text("时间", "Time"),
    "of-list": text("在清单中", "on the list"),
    "back-to-retention": text("返回保管", "Back to retention"),
    # ---- tombstone
    "tombstone-lead": text(
        "这条记录的内容已按规定销毁,无人能再打开。留存的是下列证据:它曾经存在、依何规则销毁、由谁的清单批准。",
        "The content of this record was disposed of under its rule and opens to nobody. What stays "
        "proves that it was there, by which rule it went, and on which list.",
    ),
    "certificate": text("销毁证明", "Certificate"),
    "disposed-at": text("处置时间", "Disposed of at"),
    "evidence-of-events": text("各事件的证据", "Evidence of each event"),
    "not-there": text("该记录没有处置清单。", "There is no such disposal."),
}
