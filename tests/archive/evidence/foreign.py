"""Test data of others, which lies beside the repository and is not copied into it."""

import json
from pathlib import Path
from typing import Any

from tests.conftest import absent

FOLDER = Path(__file__).parents[4] / "shared" / "vectors"


def foreign(path: str) -> bytes:
    if not FOLDER.is_dir():
        absent("the folder ../shared/vectors", "put the foreign test vectors beside the checkout")
    return (FOLDER / path).read_bytes()


def foreign_json(path: str) -> Any:
    return json.loads(foreign(path))
