"""Settings: read in one place, each refused with a reason, each in the docs."""

import re
from pathlib import Path

import pytest

from api.settings import SettingError, Settings, names

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_stands_in_the_docs_and_no_other_does() -> None:
    """docs/settings.md has one row for each variable that is read."""
    told = re.findall(r"^\| `(LIUHEN_[A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == list(names())


def test_what_is_not_set_has_its_default() -> None:
    """An empty variable counts as not set."""
    assert Settings.from_environment({"LIUHEN_PORT": ""}) == Settings()


def test_what_is_set_is_read() -> None:
    """Numbers, folders and time zones arrive in their own types."""
    settings = Settings.from_environment(
        {"LIUHEN_PORT": "80", "LIUHEN_DATA": "elsewhere", "LIUHEN_ZONE": "Asia/Tokyo"}
    )
    assert (settings.port, settings.data) == (80, Path("elsewhere"))
    assert settings.zone.key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("LIUHEN_PORT", "70000"),
        ("LIUHEN_PORT", "+80"),
        ("LIUHEN_PORT", "8_0"),
        ("LIUHEN_ZONE", "Asia/Nowhere"),
        ("LIUHEN_ZONE", "../etc/passwd"),
        ("LIUHEN_ORIGIN", "with space"),
        ("LIUHEN_CHECKPOINT_SECONDS", "0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, told: str) -> None:
    """The message names the variable and says what it may be."""
    with pytest.raises(SettingError, match=name):
        Settings.from_environment({name: told})
