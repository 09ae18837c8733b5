"""The OpenAPI document: FastAPI's own, with the bodies that the door reads itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.acts import DEEDS
from api.batches import BatchShown, Item
from api.callers import KeyWanted
from api.disposals import ImportFiling, Listing, Shredding
from api.envelopes import SignedEnvelope
from api.own_keys import NewKey
from api.replies import ProblemReply
from api.signoff_keys import NewCode, NewPasskey, NewPersonalKey
from api.signoffs import Signoff, SignoffPreparation
from api.sources import Differences, Reconciliation
from api.steps import StepRoutes, latest_steps, typed_body

REF = "#/components/schemas/{model}"


def document(app: FastAPI, steps: StepRoutes) -> None:
    """Give the application its document, made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app, steps)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def build(app: FastAPI, steps: StepRoutes) -> dict[str, Any]:
    said = get_openapi(
        title=app.title,
        version=app.version,
        description=(
            "沟通记录档案:每个步骤一个类型化接口,写入即得签名回执。"
            "An archive of communication records: one typed route per step, each answered with a "
            "signed receipt."
        ),
        routes=[*steps.routes, *app.routes],
    )
    models: list[type[BaseModel]] = [typed_body(kind, step) for kind, step in latest_steps()]
    models += [deed.model for deed in DEEDS]
    models += [ProblemReply, BatchShown, KeyWanted, Reconciliation, Differences]
    models += [Item, NewKey, SignedEnvelope, Listing, ImportFiling, Shredding]
    models += [NewPasskey, NewPersonalKey, NewCode, SignoffPreparation, Signoff]
    _, schemas = models_json_schema([(m, "validation") for m in models], ref_template=REF)
    components = said.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas["$defs"])
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    said["security"] = [{"key": []}]
    _headers(said)
    return said


def _headers(said: dict[str, Any]) -> None:
    """Headers that every append understands."""
    told = (
        ("Idempotency-Key", "重试时同一键得同一回执 / the same key gives the same receipt"),
        ("If-Match", '记录版本,如 "3" / the version you saw'),
        ("X-Sent-At", "发送方时钟 / what the sender's clock shows (RFC 3339)"),
        ("Prefer", "validate:只预览 / say what would happen, write nothing"),
    )
    for methods in said["paths"].values():
        post = methods.get("post")
        if post is None or (
            "x-body" not in post and not post["operationId"].startswith("records.")
        ):
            continue
        post.pop("x-body", None)
        post.setdefault("parameters", []).extend(
            {"name": n, "in": "header", "required": False, "description": d,
             "schema": {"type": "string"}} for n, d in told
        )  # fmt: skip
