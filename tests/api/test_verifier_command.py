"""`liuhen verifier`: what is handed to an auditor checks what we export."""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from api.cli import cli
from archive.evidence import packing, page
from tests.vectors.generate import HERE


def test_the_verifier_is_written_and_checks(tmp_path: Path) -> None:
    """Both shapes into a new folder; the zipapp runs on a Python without our surroundings."""
    folder = tmp_path / "for the auditor"
    done = CliRunner().invoke(cli, ["verifier", str(folder)])
    assert (done.exit_code, done.exception) == (0, None)
    assert {path.name for path in folder.iterdir()} == {packing.PYZ, page.NAME}
    bundle = HERE / "bundles" / "whole.zip"
    command = [sys.executable, "-I", "-S", str(folder / packing.PYZ), str(bundle)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
