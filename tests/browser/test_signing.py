"""A person with a phone: registered, signed with, and a second device, in a real browser."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, expect, sync_playwright
from starlette.testclient import TestClient

from api.app import create_app
from api.clock import now
from api.settings import Settings
from archive.evidence.verify import verify
from archive.opening import Options, open_archive
from retention.due import DueView
from tests.api.conftest import Plant, establish
from tests.api.test_signoffs import to_sign
from tests.browser.test_reading import QUIET


@dataclass
class Site:
    address: str
    plant: Plant


@dataclass
class Person:
    """At a browser with an authenticator of their own."""

    page: Page
    site: Site
    cdp: CDPSession
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def plug_in(self, **more: Any) -> str:
        options = {
            "protocol": "ctap2", "transport": "internal", "hasUserVerification": True,
            "isUserVerified": True, "hasResidentKey": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **more}})
        return str(made["authenticatorId"])

    def verifies(self, authenticator: str, *, person: bool) -> None:
        said = {"authenticatorId": authenticator, "isUserVerified": person}
        self.cdp.send("WebAuthn.setUserVerified", said)

    def log_in(self, who: str) -> None:
        self.page.goto(self.site.address)
        self.page.get_by_label("接口密钥").fill(self.site.plant.keys[who])
        self.page.get_by_role("button", name="登录").click()
        expect(self.page.get_by_role("heading", name="登记簿")).to_be_visible()

    def register(self, label: str) -> None:
        self.page.goto(f"{self.site.address}/devices")
        form = self.page.locator("#add-passkey")
        form.get_by_label("名称").fill(label)
        form.get_by_role("button").click()
        expect(self.page.locator("#devices")).to_contain_text(label)


class Turned:
    """The machine's clock, which a plant's fixtures may not turn."""

    def __call__(self) -> Any:
        return now()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    with open_archive(Options(data, now, views=(DueView,))) as archive:
        archive.views.start()
        config = uvicorn.Config(lambda: None, port=0, log_level="warning")
        socket = config.bind_socket()
        address = f"http://localhost:{socket.getsockname()[1]}"
        settings = Settings(data=data, site=address)
        app = create_app(archive, settings)
        config = uvicorn.Config(app, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        client = TestClient(app, raise_server_exceptions=False)
        plant = Plant(archive, client, Turned(), settings)  # type: ignore[arg-type]
        establish(plant)
        archive.views.wait_for(archive.store.head().size - 1)
        yield Site(address, plant)
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def person(site: Site, browser: Browser) -> Iterator[Person]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    person = Person(page, site, cdp)
    page.on("console", person.hear)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    page.on("request", lambda request: person.asked.append(request.url))
    yield person
    context.close()


HELD = """() => {
const get = navigator.credentials.get.bind(navigator.credentials);
let asked = 0;
navigator.credentials.get = async (what) => {
  if (++asked === 2) await new Promise((go) => { window.touched = go; });
  return get(what);
};
}"""


def add_a_second(person: Person, first: str) -> None:
    """The person touches the new device twice, and then the one that they have, to approve it."""
    page, presence = person.page, "WebAuthn.setAutomaticPresenceSimulation"
    person.cdp.send(presence, {"authenticatorId": first, "enabled": False})
    second = person.plug_in(transport="usb")
    page.goto(f"{person.site.address}/devices")
    page.evaluate(HELD)
    form = page.locator("#add-passkey")
    form.get_by_label("名称").fill("安全钥匙")
    form.get_by_role("button").click()
    page.wait_for_function("window.touched !== undefined")
    person.cdp.send(presence, {"authenticatorId": second, "enabled": False})
    person.cdp.send(presence, {"authenticatorId": first, "enabled": True})
    page.evaluate("window.touched()")
    expect(page.locator("#devices")).to_contain_text("安全钥匙")


def test_a_person_registers_a_phone_signs_with_it_and_adds_a_second(person: Person) -> None:
    """The browser makes the assertion over the text on the page; the bundle proves it."""
    page, site = person.page, person.site
    first = person.plug_in()
    person.log_in("cs")
    person.register("手机")
    record = to_sign(site.plant)
    page.goto(f"{site.address}/records/{record}")
    page.get_by_role("link", name="签署").click()
    expect(page.get_by_role("heading", name="签署")).to_be_visible()
    expect(page.locator("dl.facts")).to_contain_text("cs")
    expect(page.locator("dl.facts")).to_contain_text("确认")
    page.get_by_role("button", name="用通行密钥签署").click()
    expect(page.locator(".timeline > li").first).to_contain_text("通行密钥")
    assert site.plant.get("cs", f"/v1/records/{record}").json()["state"]["id"] == "signed"
    site.plant.archive.log.checkpoint()
    report = verify(io.BytesIO(site.plant.get("boss", f"/v1/records/{record}/export").content))
    assert report.ok, report.findings
    add_a_second(person, first)
    expect(page.locator("#devices li")).to_have_count(2)
    assert person.complaints == []
    assert all(url.startswith(site.address) for url in person.asked)


def test_who_is_not_verified_does_not_sign(person: Person) -> None:
    """The page says so, nothing is sent, and the log does not grow."""
    page, site = person.page, person.site
    phone = person.plug_in()
    person.log_in("cs2")
    person.register("手机")
    record = to_sign(site.plant, "cs2")
    person.verifies(phone, person=False)
    page.goto(f"{site.address}/records/{record}/sign?slot=heads")
    size = site.plant.archive.store.head().size
    page.get_by_role("button", name="用通行密钥签署").click()
    expect(page.get_by_role("alert")).to_contain_text("认证器没有签署", timeout=20_000)
    assert site.plant.archive.store.head().size == size
    person.verifies(phone, person=True)
    page.get_by_role("button", name="用通行密钥签署").click()
    expect(page.locator(".timeline > li").first).to_contain_text("通行密钥")


def test_a_passphrase_signs_without_script(site: Site, browser: Browser) -> None:
    """Where there is no passkey: one page, one passphrase, one signature."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    person = Person(page, site, context.new_cdp_session(page))
    person.log_in("worker")
    page.goto(f"{site.address}/devices")
    form = page.locator("#add-personal")
    form.get_by_label("口令").fill("correct horse battery")
    form.get_by_role("button").click()
    expect(page.locator("#devices")).to_contain_text("个人密钥")
    record = to_sign(site.plant, "worker")
    page.goto(f"{site.address}/records/{record}/sign?slot=heads")
    page.get_by_label("口令").fill("wrong horse battery")
    page.get_by_role("button", name="用口令签署").click()
    expect(page.get_by_role("alert").first).to_contain_text("口令不对")
    page.get_by_label("口令").fill("correct horse battery")
    page.get_by_role("button", name="用口令签署").click()
    expect(page.locator(".timeline > li").first).to_contain_text("个人密钥")
    context.close()
