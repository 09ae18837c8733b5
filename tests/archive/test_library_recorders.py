"""The event-sourcing library's own test of a recorder, as shipped, on both of our stores."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from eventsourcing.tests.persistence import ApplicationRecorderTestCase

from archive.recorder import LogRecorder
from archive.store import Store


class Shipped(ApplicationRecorderTestCase[LogRecorder]):
    __test__ = False

    def __init__(self, method: str, open_store: Callable[[], Store]) -> None:
        super().__init__(method)
        self._open_store = open_store

    def create_recorder(self) -> LogRecorder:
        return LogRecorder(self._open_store(), lambda: datetime.now(UTC))

    def test_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


@pytest.mark.parametrize(
    "method", sorted(name for name in dir(Shipped) if name.startswith("test_"))
)
def test_the_librarys_contract_holds(method: str, open_store: Callable[[], Store]) -> None:
    """Each test that the library ships for an application recorder passes unchanged."""
    Shipped(method, open_store).debug()
