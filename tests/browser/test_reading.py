"""A reader at a real browser: log in, find the complaint, read its timeline, in both languages."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api import sample
from api.app import create_app
from api.clock import now
from api.settings import Settings
from archive.opening import Options, open_archive
from retention.due import DueView

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Site:
    address: str
    keys: dict[str, str]


@dataclass
class Visit:
    """A page, and everything that it asked for or complained about."""

    page: Page
    site: Site
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def log_in(self, who: str) -> None:
        self.page.goto(self.site.address)
        self.page.get_by_label("接口密钥").fill(self.site.keys[who])
        self.page.get_by_role("button", name="登录").click()
        expect(self.page.get_by_role("heading", name="登记簿")).to_be_visible()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample plant behind a real server on a free port."""
    data = tmp_path_factory.mktemp("data")
    with open_archive(Options(data, now, views=(DueView,))) as archive:
        keys = sample.fill(archive)
        archive.views.start()
        archive.views.wait_for(archive.store.head().size - 1)
        archive.log.checkpoint()
        app = create_app(archive, Settings(data=data))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(
            f"http://127.0.0.1:{port}", {k.rpartition("(")[2][:-1]: v for k, v in keys.items()}
        )
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """With cookies of its own."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    visit = Visit(page, site)
    page.on("request", lambda request: visit.asked.append(request.url))
    page.on("console", lambda said: visit.complaints.append(said.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield visit
    page.close()


def test_a_reader_finds_the_complaint_and_reads_it_in_both_languages(visit: Visit) -> None:
    """By traditional characters; nothing is fetched from elsewhere, and nothing goes wrong."""
    page = visit.page
    visit.log_in("gm")
    page.get_by_role("searchbox").fill("投訴")
    page.get_by_role("button", name="检索").click()
    expect(page.locator("mark").first).to_have_text("投诉")
    page.get_by_role("link", name="科技公司 产品交付延迟").click()
    expect(page.get_by_role("heading", name="时间线")).to_be_visible()
    expect(page.locator(".timeline > li")).to_have_count(14)
    expect(page.locator("#e3")).to_contain_text("转责任部门")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("link", name="Worklist").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_text("up to date with the log")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    assert [url for url in visit.asked if not url.startswith(visit.site.address)] == []
    assert visit.complaints == []


def test_a_click_on_the_replay_bar_shows_the_record_as_it_was_known(visit: Visit) -> None:
    """After the third event only three are there; one click leads back to the present."""
    page = visit.page
    visit.log_in("gm")
    page.goto(f"{visit.site.address}/records/KS-2026-00001")
    page.locator(".points a").nth(2).click()
    expect(page.locator(".timeline > li")).to_have_count(3)
    expect(page.get_by_text("您看到的是当时所知的记录")).to_be_visible()
    page.get_by_role("link", name="回到现在").click()
    expect(page.locator(".timeline > li")).to_have_count(14)
    assert visit.complaints == []


def test_a_bundle_and_a_file_can_be_taken_along(visit: Visit, tmp_path: Path) -> None:
    """Downloads work with the session, under names that people understand."""
    page = visit.page
    visit.log_in("gm")
    page.goto(f"{visit.site.address}/records/KS-2026-00001")
    with page.expect_download() as bundle:
        page.get_by_role("link", name="导出证据包").click()
    assert bundle.value.suggested_filename == "KS-2026-00001.zip"
    with page.expect_download() as report:
        page.get_by_role("link", name="原材料短缺-5Why分析.txt").first.click()
    assert report.value.suggested_filename == "原材料短缺-5Why分析.txt"
    path = tmp_path / "report"
    report.value.save_as(path)
    assert path.read_bytes() == sample.WHY.encode()
    with page.expect_download() as receipt:
        page.locator("#e1").get_by_role("link", name="回执").click()
    receipt.value.save_as(path)
    assert set(json.loads(path.read_bytes())) == {"payload", "payloadType", "signatures"}


def test_the_keyboard_is_enough(visit: Visit) -> None:
    """From the address to an open record without a mouse."""
    page = visit.page
    page.goto(visit.site.address)
    page.keyboard.type(visit.site.keys["gm"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="登记簿")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("炉号 2211")
    page.keyboard.press("Enter")
    expect(page.locator(".list .number a")).to_have_text("KS-2026-00002")


@pytest.mark.parametrize("path", ["/records", "/records/KS-2026-00001", "/worklist", "/status"])
def test_a_telephone_needs_no_sideways_scrolling(visit: Visit, path: str) -> None:
    """At 360 pixels every page fits."""
    page = visit.page
    visit.log_in("gm")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(visit.site.address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
