"""Several bundles side by side."""

import dataclasses
import io
import json
from pathlib import Path

import pytest

from archive.evidence.__main__ import main
from archive.evidence.together import Verified, together
from archive.evidence.verify import verify
from tests.vectors.world import COMPLAINT, SHORT, whole


def half(record: str, volume: int = 1, volumes: int = 1) -> bytes:
    """Of the whole log one record and the register."""
    world = whole()
    world.about = dataclasses.replace(
        world.about, variety="archive", volume=volume, volumes=volumes
    )
    world.show_only(record)
    return world.bundle()


def verified(data: bytes) -> Verified:
    return Verified.of(verify(io.BytesIO(data)))


def test_two_halves_are_the_whole() -> None:
    """Neither holds every leaf; together they do, whatever the order, also if one stands twice."""
    first, second = half(COMPLAINT, volume=1, volumes=2), half(SHORT, volume=2, volumes=2)
    one, two = verified(first), verified(second)
    assert not together([one]).proven
    assert together([one]).missing == (2,)
    for some in ([one, two], [two, one], [one, two, one]):
        found = together(some)
        assert (found.proven, found.leaves, found.size, found.missing) == (True, 11, 11, ())


def test_nothing_is_said_where_one_fails() -> None:
    """Nor of bundles under different checkpoints."""
    failing = whole().bundle() + b"\0"
    assert not together([verified(failing), verified(half(SHORT))]).one
    longer = whole()
    longer.add(COMPLAINT, "noted")
    assert not together([verified(longer.bundle()), verified(half(SHORT))]).one


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_command_says_so(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], lang: str
) -> None:
    """Each under its name, then all together; exit 1 if one fails, 2 if one cannot be used."""
    files = [tmp_path / f"{n}.zip" for n in (1, 2)]
    for n, (file, record) in enumerate(zip(files, (COMPLAINT, SHORT), strict=True), 1):
        file.write_bytes(half(record, volume=n, volumes=2))
    names = [str(file) for file in files]
    assert main([*names, "--lang", lang]) == 0
    told = capfdbinary.readouterr().out.decode()
    assert all(name in told for name in names)
    assert ("已证明无一略去", "PROVEN that nothing was left out")[lang == "en"] in told
    assert main([names[0], names[0], "--lang", lang]) == 0
    assert ("缺少的册：2", "not here: 2")[lang == "en"] in capfdbinary.readouterr().out.decode()
    files[1].write_bytes(half(SHORT) + b"\0")
    assert main([*names, "--lang", lang]) == 1
    assert ("不能合并而论", "nothing can be said")[lang == "en"] in (
        capfdbinary.readouterr().out.decode()
    )
    files[1].write_bytes(b"nothing")
    assert main(names) == 2


def test_for_machines(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """One JSON text for each bundle, and a last one for all."""
    file = tmp_path / "a.zip"
    file.write_bytes(whole().bundle())
    assert main([str(file), str(file), "--json"]) == 0
    text, told = capfdbinary.readouterr().out.decode(), []
    while text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        told.append(value)
        text = text[end:].lstrip()
    assert [each.get("file") for each in told] == [str(file), str(file), None]
    assert told[-1]["together"]["proven"] is True
