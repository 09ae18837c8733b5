"""People at real browsers take a list from what is due to its printed certificate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from archive.opening import Options, open_archive
from retention.due import DueView
from tests.api.conftest import Clock, Plant, establish
from tests.api.keeping import SECRET, Keeping
from tests.browser.test_reading import QUIET


@dataclass
class Site:
    """Each person has a browser window of their own."""

    address: str
    keeping: Keeping
    browser: Browser
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def plant(self) -> Plant:
        return self.keeping.plant

    def window(self, who: str) -> Page:
        page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda said: self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.address)
        page.get_by_label("接口密钥").fill(self.plant.keys[who])
        page.get_by_role("button", name="登录").click()
        expect(page.get_by_role("heading", name="登记簿")).to_be_visible()
        return page


@pytest.fixture
def site(tmp_path: Path, chromium: str) -> Iterator[Site]:
    """Two complaints whose three years are over, behind a real server on a free port."""
    clock = Clock()
    with open_archive(Options(tmp_path / "data", clock, views=(DueView,))) as archive:
        settings = Settings(access_log_seconds=1)
        app = create_app(archive, settings)
        with TestClient(app) as client, sync_playwright() as playwright:
            plant = Plant(archive, client, clock, settings)
            establish(plant)
            keeping = Keeping(plant)
            keeping.due(2)
            archive.views.start()
            server = uvicorn.Server(
                uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
            )
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
            yield Site(f"http://127.0.0.1:{port}", keeping, browser)
            browser.close()
            server.should_exit = True
            thread.join()


def test_a_list_goes_from_due_to_its_certificate(site: Site, tmp_path: Path) -> None:
    """Listed, reviewed, approved with the key once more, executed, printed; nothing goes wrong."""
    lister = site.window("lister")
    lister.get_by_role("link", name="保管", exact=True).click()
    expect(lister.locator(".list tbody tr")).to_have_count(2)
    lister.get_by_label("审查人").select_option(label="cs")
    lister.get_by_role("button", name="将全部到期记录列单").click()
    expect(lister.get_by_text("批准即签署此哈希")).to_be_visible()
    address = lister.url
    _reviewed(site, address)
    _approved(site, address, "officer")
    _approved(site, address, "quality")
    site.plant.clock.turn(days=7)
    lister = site.window("lister")
    lister.goto(address)
    lister.get_by_label("再次输入您的接口密钥").fill(site.plant.keys["lister"])
    lister.get_by_role("button", name="开始执行").click()
    lister.get_by_role("button", name="执行并出具证明").click()
    lister.get_by_role("link", name="打印证明").click()
    expect(lister.get_by_role("heading", name="销毁证明")).to_be_visible()
    assert SECRET not in lister.content()
    printed = tmp_path / "certificate.pdf"
    lister.pdf(path=printed, format="A4")
    assert printed.stat().st_size > 10_000
    assert [url for url in site.asked if not url.startswith(site.address)] == []
    assert site.complaints == []


def _reviewed(site: Site, address: str) -> None:
    head = site.window("cs")
    head.goto(address)
    for item in ("1", "2"):
        head.locator(f"#outcome-{item}").select_option("destroy")
    head.get_by_role("button", name="提交审查").click()
    expect(head.get_by_text("审查 2")).to_be_visible()


def _approved(site: Site, address: str, who: str) -> None:
    page = site.window(who)
    page.goto(address)
    zone = site.plant.archive.options.zone
    today = site.plant.clock().astimezone(zone).date().isoformat()
    page.get_by_label("今日日期").fill(today)
    page.get_by_label("再次输入您的接口密钥").fill(site.plant.keys[who])
    page.get_by_role("button", name="签署并批准").click()
    expect(page.get_by_role("button", name="签署并批准")).to_have_count(0)


def test_a_telephone_needs_no_sideways_scrolling(site: Site) -> None:
    """At 360 pixels every page of retention fits, and the certificate too."""
    keeping = site.keeping
    records = [
        line["record"] for line in keeping.plant.get("boss", "/v1/retention/due").json()["records"]
    ]
    done = keeping.disposed(records[0])
    page = site.window("boss")
    page.set_viewport_size({"width": 360, "height": 740})
    path = f"/retention/disposals/{done['id']}"
    for here in (
        "/retention",
        "/retention?tab=rules",
        "/retention?tab=months",
        path,
        f"{path}/certificate",
    ):
        page.goto(site.address + here)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, here
