"""Labels of the pages for signing and for devices, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from domain.kind import Text, text

SIGNING_WORDS: Mapping[str, Text] = {
    "sign": text("签署", "Sign"),
    "sign-title": text("签署", "Sign off"),
    "sign-lead": text(
        "您将签署的正是下文所列。签署后,姓名、时间、含义与所签版次一并封存,不可更改。",
        "You sign exactly what stands here. Your name, the time, the meaning and the edition"
        " are sealed with it, for ever.",
    ),
    "printed-name": text("姓名", "Printed name"),
    "sign-time": text("签署时间", "Time of signing"),
    "sign-meaning": text("含义", "Meaning"),
    "sign-with": text("签署密钥", "Key"),
    "sign-passkey": text("用通行密钥签署", "Sign with the passkey"),
    "sign-passphrase": text("用口令签署", "Sign with the passphrase"),
    "sign-statement": text("所签陈述的原文", "The statement that is signed, exactly"),
    "sign-content": text("其内容(密封)", "Its content (sealed)"),
    "sign-refuse": text("拒签", "Refuse to sign"),
    "sign-refused": text("您已拒绝签字", "You refuse to sign"),
    "sign-failed": text(
        "认证器没有签署。请重试,或换一台设备。",
        "The authenticator did not sign. Try again, or use another device.",
    ),
    "sign-no-key": text(
        "您还没有签署密钥。先登记通行密钥或个人密钥。",
        "You have no key to sign with yet. Register a passkey or a personal key first.",
    ),
    "passphrase": text("口令", "Passphrase"),
    "devices": text("签署密钥", "Keys to sign with"),
    "devices-lead": text(
        "通行密钥在您的手机、电脑或安全钥匙中,每次签署都验证本人;没有时,可用只有您的口令能打开的个人密钥。",
        "A passkey lives in your phone, computer or security key and verifies you each time;"
        " without one, a personal key that only your passphrase opens.",
    ),
    "devices-none": text("尚无签署密钥。", "No key yet."),
    "devices-lost": text(
        "您的密钥均已吊销。请向管理员索取一次性代码,在此登记新的密钥。",
        "All your keys were revoked. Ask the administrator for a one-time code to register anew.",
    ),
    "device-passkey": text("通行密钥", "passkey"),
    "device-personal": text("个人密钥", "personal key"),
    "device-label": text("名称", "Name of the device"),
    "device-since": text("登记于", "registered"),
    "device-revoked": text("已吊销", "revoked"),
    "device-revoke": text("吊销", "Revoke"),
    "device-counter": text("计数曾倒退:可能有两个同样的认证器", "its counter went back once"),
    "device-add": text("登记通行密钥", "Register a passkey"),
    "device-add-personal": text("设立个人密钥", "Make a personal key"),
    "device-phrase-hint": text(
        "至少 12 个字符。忘记后无法找回,只能吊销。",
        "At least 12 characters. Nobody can recover it: a forgotten one is revoked.",
    ),
    "device-present-phrase": text("现有个人密钥的口令", "Passphrase of your present personal key"),
    "device-code": text("一次性代码", "One-time code"),
    "device-code-make": text("生成一次性代码", "Make a one-time code"),
    "device-code-lead": text(
        "凭此代码,管理员可以替您登记一个密钥;30 分钟内有效,只用一次。",
        "With it an administrator can register one key for you; for 30 minutes, once.",
    ),
    "device-code-is": text("一次性代码(只显示这一次)", "The one-time code, shown this once"),
}
