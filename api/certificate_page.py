"""销毁证明: the printable page, in both languages at once, on A4; needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from archive.evidence.instant import parse_time
from archive.log import vkey
from archive.opening import Archive
from domain.disposals import outcomes
from domain.kind import Text, text
from domain.kinds import find
from retention.certificate import Certificate

HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "pages" / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
STYLE = (HERE / "certificate.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
}
STEPS: Mapping[str, Text] = {step.id: step.title for step in find("disposal").steps} | {
    "relist": text("重新列单", "listed anew")
}


def page(archive: Archive, found: Certificate) -> str:
    """The whole document; whoever saves or prints it has all of it."""
    zone = archive.options.zone
    record = archive.ledger.get(found.disposal)

    def when(told: str) -> str:
        return parse_time(told).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    def kind(kind_id: str) -> Text:
        return find(kind_id).title

    return _TEMPLATES.get_template("certificate.html").render(
        c=found,
        style=STYLE,
        steps=STEPS,
        when=when,
        at=lambda moment: moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
        kind=kind,
        zone=zone.key,
        origin=archive.options.origin,
        vkey=vkey(archive.options.origin, archive.keyring.log_key),
        outcomes=outcomes(record),
        exports=_exports(found, archive),
    )


def _exports(found: Certificate, archive: Archive) -> list[str]:
    certified = archive.ledger.get(found.disposal).said("certify")
    rows = certified.values.get("exports", ()) if certified else ()
    registry = archive.organisation.registry
    named = {each.id: each.name for each in registry.people.values()}
    named |= {each.id: each.name for each in registry.callers.values()}
    return [named.get(row["what"], str(row["what"])) for row in rows]
