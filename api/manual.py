"""The interface explained on pages of our own: nothing from outside, no script, both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.door import language
from api.problems import PROBLEMS, Language, Refusal

HERE = Path(__file__).parent
router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_CSS = (HERE / "manual.css").read_text(encoding="utf-8")
_INTRO = {
    "zh": "每个步骤一个类型化接口;写入即得签名回执。密钥放在 Authorization: Bearer 头中。"
    "编写说明见 docs/api.md。",
    "en": "One typed route per step; every append is answered with a signed receipt. The key goes "
    "into the Authorization: Bearer header. The guide is docs/api.md.",
}
Lang = Annotated[Language | None, Query(alias="lang")]


def _page(
    request: Request, lang: Language | None, title: Mapping[str, str], **more: Any
) -> Response:
    chosen = lang or language(request)
    said = {"problems": None, "problem": None, "tags": (), "intro": _INTRO[chosen], **more}
    page = _templates.get_template("manual.html").render(
        lang=chosen, zh=chosen == "zh", title=title[chosen], **said
    )
    return HTMLResponse(page, headers={"Content-Language": chosen})


@router.get("/docs")
def docs(request: Request, lang: Lang = None) -> Response:
    tags = _tags(request.app.openapi())
    return _page(request, lang, {"zh": "接口说明", "en": "The interface"}, tags=tags)


@router.get("/docs/manual.css")
def style() -> Response:
    return Response(_CSS, media_type="text/css")


@router.get("/problems")
def problems(request: Request, lang: Lang = None) -> Response:
    rows = [_texts(p) for p in PROBLEMS.values()]
    return _page(request, lang, {"zh": "问题类型", "en": "Types of problems"}, problems=rows)


@router.get("/problems/{name}")
def problem(request: Request, name: str, lang: Lang = None) -> Response:
    found = PROBLEMS.get(name)
    if found is None:
        raise Refusal("not-found")
    told = _texts(found)
    return _page(request, lang, told["title"], problem=told)


def _texts(found: Any) -> dict[str, Any]:
    return {"id": found.id, "status": found.status, "title": found.title.model_dump(),
            "fix": found.fix.model_dump()}  # fmt: skip


def _tags(said: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["—"])[0]
            grouped.setdefault(tag, []).append(_operation(said, path, method, operation))
    return list(grouped.items())


def _operation(
    said: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [{"description": "", **p} for p in operation.get("parameters", ())],
        "fields": list(_fields(said, operation)),
    }


def _fields(said: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    body = _resolved(said, content["schema"])
    for name, schema in body.get("properties", {}).items():
        inner = _resolved(said, schema)
        if name == "answers" and "properties" in inner:
            yield from _rows(said, inner, "answers.")
        else:
            yield _row(name, schema, name in body.get("required", ()))


def _rows(
    said: Mapping[str, Any], model: Mapping[str, Any], before: str
) -> Iterator[dict[str, Any]]:
    for name, schema in model["properties"].items():
        yield _row(before + name, schema, name in model.get("required", ()))
        rows = _resolved(said, schema.get("items", {}))
        if "properties" in rows:
            yield from _rows(said, rows, f"{before}{name}[].")


def _resolved(said: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = said["components"]["schemas"][name] if name else schema
    return found


def _row(name: str, schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    title = schema.get("x-title") or _halves(schema.get("description", ""))
    options = [f"{o['id']} {o['title']['zh']}" for o in schema.get("x-options", ())]
    return {
        "name": name,
        "zh": title["zh"],
        "en": title["en"],
        "type": schema.get("x-type") or schema.get("type", ""),
        "options": "、".join(options),
        "required": required,
        "source": " ".join(filter(None, (schema.get("x-source"), schema.get("x-mark")))),
    }


def _halves(told: str) -> dict[str, str]:
    zh, _, en = told.partition(" / ")
    return {"zh": zh, "en": en}
