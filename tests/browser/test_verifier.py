"""The HTML verifier opened from disk in a real Chromium: the same answers as from Python."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from archive.evidence.__main__ import as_json
from archive.evidence.errors import EvidenceError
from archive.evidence.page import NAME, page
from archive.evidence.policy import Policy
from archive.evidence.verify import verify
from archive.evidence.wording import render
from tests.browser.test_reading import QUIET

VECTORS = Path(__file__).parents[1] / "vectors"
BUNDLES = json.loads((VECTORS / "bundles.json").read_bytes())
TRUSTED = json.loads((VECTORS / "example.json").read_bytes())["keys"]["log_vkey"]
WHOLE = VECTORS / "bundles" / "whole.zip"

# The verdict on bytes given in base64, as the command's --json and texts have it.
CHECK = """async ([base64, trusted, plain]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  try {
    const policy = trusted === null ? null : liuhen.Policy.of(trusted);
    const report = await liuhen.verify(new Blob([bytes]), policy, { plain });
    return [report.ok ? 0 : 1, report.toJSON(), liuhen.render(report, 0), liuhen.render(report, 1)];
  } catch (error) {
    if (error.code === undefined) throw error;
    return [2, error.where ?? null, null, null];
  }
}"""


@pytest.fixture(scope="module")
def verifier(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page, opened from disk; no request but for itself, and no complaint, is allowed."""
    file = tmp_path_factory.mktemp("page") / NAME
    file.write_bytes(page())
    asked, complaints = list[str](), list[str]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        opened = browser.new_page(locale="en-GB")
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("console", lambda said: complaints.append(said.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(file.as_uri())
        yield opened
        browser.close()
    assert complaints == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob"}
    assert [url for url in asked if url.startswith("file:")] == [file.as_uri()]


def _by_page(verifier: Page, data: bytes, trusted: str | None, *, plain: bool = False) -> Any:
    sent = [base64.b64encode(data).decode("ascii"), trusted, plain]
    return _comparable(verifier.evaluate(CHECK, sent))


def _by_python(data: bytes, trusted: str | None) -> Any:
    try:
        policy = None
        if trusted is not None:
            lines = len(trusted.split()) > 1
            policy = Policy.parse(trusted) if lines else Policy.of_vkey(trusted)
        report = verify(io.BytesIO(data), policy)
    except EvidenceError as error:
        return [2, getattr(error, "where", None), None, None]
    texts = [render(report, lang) for lang in ("zh", "en")]
    return _comparable([0 if report.ok else 1, json.loads(json.dumps(as_json(report))), *texts])


# From here to the end of the line speaks each language's own reader of JSON, numbers and base64.
_READER = re.compile(
    r"(?:unsound public key:|not JSON|not base64|not canonical base64|floats have|integer beyond|not expressible"
    r"|not an integer|a lone surrogate).*$",
    re.MULTILINE,
)


def _comparable(value: Any) -> Any:
    """Without the words of JSON and base64 readers, which are not ours."""
    if isinstance(value, str):
        return _READER.sub("(reader)", value)
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("answer", BUNDLES, ids=lambda a: Path(a["file"]).stem)
def test_a_bundle_gets_the_same_report_as_from_python(
    answer: dict[str, Any], verifier: Page
) -> None:
    """Exit, steps, counts, codes, places, verdicts and both texts, with and without a key."""
    data = (VECTORS / answer["file"]).read_bytes()
    for trusted in (answer["vkey"], TRUSTED):
        found = _by_page(verifier, data, trusted)
        assert found == _by_python(data, trusted)
        if trusted == answer["vkey"]:
            assert found[0] == answer["exit"]
            failed = found[1]["failed_steps"] if found[0] != 2 else answer["failing_steps"]
            assert failed == answer["failing_steps"]
