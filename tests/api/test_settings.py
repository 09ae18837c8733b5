"""Settings: read in one place, each refused with a reason, each in the docs."""

import re
from pathlib import Path

import pytest

from api.cli.opened import options
from api.settings import SettingError, Settings, TimestampAuthority, names
from tests.authority import make_root

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
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "https://tsa.example"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "Name=https://tsa.example"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "../a=https://tsa.example"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "a=ftp://tsa.example"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "a=https://user:word@tsa.example"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "a=https://tsa.example#policy"),
        ("LIUHEN_TIMESTAMP_AUTHORITIES", "a=https://x.example a=https://y.example"),
        ("LIUHEN_TIMESTAMP_SECONDS", "59"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, told: str) -> None:
    """The message names the variable and says what it may be."""
    with pytest.raises(SettingError, match=name):
        Settings.from_environment({name: told})


def test_timestamp_authorities_are_read() -> None:
    """Several, separated by white space, with a policy or without."""
    told = "a=https://tsa.example/x?y=1#1.2.3.4  b-2=http://10.0.0.7:3161"
    settings = Settings.from_environment({"LIUHEN_TIMESTAMP_AUTHORITIES": told})
    assert settings.timestamp_authorities == (
        TimestampAuthority("a", "https://tsa.example/x?y=1", "1.2.3.4"),
        TimestampAuthority("b-2", "http://10.0.0.7:3161", None),
    )


def test_the_roots_of_an_authority_are_files(tmp_path: Path) -> None:
    """One file for each; a missing or broken one is refused, naming the file and the setting."""
    told = {"LIUHEN_TIMESTAMP_AUTHORITIES": "a=https://a.example"}
    settings = Settings.from_environment({**told, "LIUHEN_TIMESTAMP_ROOTS": str(tmp_path)})
    root = make_root()
    (tmp_path / "a.pem").write_bytes(root.pem)
    (made,) = options(settings).authorities
    assert (made.name, made.roots) == ("a", (root.certificate,))
    for broken in (b"", None):
        (tmp_path / "a.pem").unlink()
        if broken is not None:
            (tmp_path / "a.pem").write_bytes(broken)
        with pytest.raises(SettingError, match=r"LIUHEN_TIMESTAMP_ROOTS.*a\.pem"):
            options(settings)
        (tmp_path / "a.pem").touch()
