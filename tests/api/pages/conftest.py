"""Browsers without a screen, before the real application: an empty plant, or the filled sample."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import sample
from api.app import create_app
from api.clock import now
from api.settings import Settings
from archive.opening import Archive, Options, open_archive
from retention.due import DueView
from tests.api.conftest import Plant

NUMBER = r'<td class="number"><a [^>]*>([^<]+)</a>'
TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


class Reader:
    """Somebody at a browser: cookies of their own, and forms sent back as they came."""

    def __init__(self, app: Any, base: str = "http://testserver") -> None:
        self.client = TestClient(
            app, base_url=base, follow_redirects=False, raise_server_exceptions=False
        )

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def text(self, path: str, **more: Any) -> str:
        """The page as it is, which must be there."""
        answer = self.get(path, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def words(self, path: str, **more: Any) -> str:
        """What a reader sees of a page: no tags, no escapes."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.text(path, **more))).split())

    def log_in(self, key: str, onward: str = "", **more: Any) -> Any:
        page = self.get("/login", params={"next": onward} if onward else {})
        found = TOKEN.search(page.text)
        assert found is not None
        form = {"key": key, "token": found.group(1), "next": onward}
        return self.client.post("/login", data=form, **more)

    def log_out(self) -> Any:
        found = TOKEN.search(self.text("/records"))
        assert found is not None
        return self.client.post("/logout", data={"token": found.group(1)})

    def numbers(self, path: str, **more: Any) -> list[str]:
        """The record numbers of a list, in its order."""
        return re.findall(NUMBER, self.text(path, **more))


def reader(plant: Plant, who: str | None, base: str = "http://testserver") -> Reader:
    found = Reader(plant.client.app, base)
    if who is not None:
        assert found.log_in(plant.keys[who]).status_code == 303
    return found


@dataclass
class Sample:
    """The sample plant; `keys` by short name (gm, clerk, mkt, ...)."""

    archive: Archive
    app: Any
    keys: dict[str, str]
    _readers: dict[str, Reader] = field(default_factory=dict)

    def reader(self, who: str) -> Reader:
        """Logged in once, with the language of a first visit."""
        if who not in self._readers:
            self._readers[who] = Reader(self.app)
            assert self._readers[who].log_in(self.keys[who]).status_code == 303
        self._readers[who].client.cookies.delete("liuhen_lang")
        return self._readers[who]

    def ask(self, who: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        return TestClient(self.app).get(path, headers=headers)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """For tests that only read."""
    data = tmp_path_factory.mktemp("sample")
    with open_archive(Options(data, now, views=(DueView,))) as archive:
        keys = sample.fill(archive)
        archive.views.catch_up()
        app = create_app(archive, Settings(data=data, access_log_seconds=3600))
        with TestClient(app):
            yield Sample(archive, app, {k.rpartition("(")[2][:-1]: v for k, v in keys.items()})
