"""`python -m archive.evidence.packing [FOLDER]`: the verifier to hand out, in two shapes.

`liuhen-verify.pyz` runs on Python 3.11 or later with nothing installed; `verify.html` opens in a
browser. The same sources give the same bytes.
"""

import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.evidence import page

PYZ = "liuhen-verify.pyz"

_HERE = Path(__file__).parent
_MAIN = b"""\
import sys
if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("liuhen-verify.pyz needs Python 3.11 or later: " + sys.version)
    from archive.evidence.__main__ import main
    sys.exit(main(program="liuhen-verify.pyz"))
"""
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # that zip can name
_LEFT_OUT = frozenset({"packing.py"})  # it packs, and needs the sources of the page


def pyz() -> bytes:
    """The zipapp, some hundred KiB: what checks, and nothing else of the project."""
    file = io.BytesIO()
    file.write(b"#!/usr/bin/env python3\n")
    # Not compressed: what a compressor makes of the same bytes differs from one version to another.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, data in _members():
            info = zipfile.ZipInfo(name, _FIRST_DAY)
            info.external_attr, info.create_system = 0o644 << 16, 3  # whatever system packs
            packed.writestr(info, data)
    return file.getvalue()


def _members() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN
    yield "archive/__init__.py", b""
    for path in sorted(_HERE.glob("*.py")):
        if path.name not in _LEFT_OUT:
            yield f"archive/evidence/{path.name}", path.read_bytes()


def main(arguments: Sequence[str]) -> None:
    """Write both into a folder, by default `dist`."""
    folder = Path(arguments[0] if arguments else "dist")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((PYZ, pyz()), (page.NAME, page.page())):
        (folder / name).write_bytes(data)
        sys.stdout.write(f"{folder / name}: {len(data):,} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
