from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs.serving import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What `make run` starts."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started
