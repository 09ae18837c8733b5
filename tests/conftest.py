"""What every test may ask for. Stores come from tests/stores.py, worlds from tests/worlds.py."""

import os
import shutil
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

CI = bool(os.environ.get("CI"))

# A plugin's asserts are rewritten too, and its fixtures need no import in every test file.
pytest_plugins = [name for name in ("tests.stores", "tests.worlds") if find_spec(name)]

# Two shared cores: a slow example is no finding, and CI finds the same ones every time.
_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _unhurried, derandomize=True, max_examples=40)
settings.register_profile("laptop", _unhurried, max_examples=60)
settings.register_profile("thorough", _unhurried, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if CI else "laptop"))


def absent(what: str, remedy: str) -> None:
    """End the test that needs it: an error in CI, on a laptop a skip whose reason shows."""
    if CI:
        pytest.fail(f"{what} is missing, and CI may not go without it: {remedy}", pytrace=False)
    pytest.skip(reason=f"{what} is missing: {remedy}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the real browser (playwright's `executable_path`; it never fetches its own)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    absent("a Chromium", "apt-get install chromium fonts-noto-cjk")
    raise AssertionError("absent() ends the test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")


@pytest.fixture(autouse=True)
def _a_browser_where_one_is_needed(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("chromium")
