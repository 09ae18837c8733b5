"""Messages to a webhook: in order, again while nobody takes them, each once."""

from __future__ import annotations

import pytest

from archive.notifying import WAITING, Notifier, notify
from archive.outbound import AnswerRefused
from tests.receiver import receiving, wait_for


def test_what_waits_is_sent_in_order() -> None:
    """A receiver that refuses is asked again, and then hears each message once."""
    with receiving() as server:
        server.status = 503
        notifier = Notifier(server.url, retry=0.02)
        notifier.start()
        for n in range(3):
            notifier.tell({"n": n})
        wait_for(lambda: server.tried >= 3)
        assert server.heard == []
        assert notifier.error is not None
        server.status = 202
        assert server.wait(3) == [{"n": 0}, {"n": 1}, {"n": 2}]
        wait_for(lambda: notifier.error is None)
        notifier.tell({"n": 3})
        assert server.wait(4)[3] == {"n": 3}
        notifier.stop()


def test_the_oldest_go_first() -> None:
    """Of what waits for too long, the newest is kept; stopping does not wait for a receiver."""
    with receiving() as server:
        notifier = Notifier(server.url)
        for n in range(WAITING + 5):
            notifier.tell({"n": n})
        notifier.start()
        assert [each["n"] for each in server.wait(WAITING)] == list(range(5, WAITING + 5))
        server.status = 500
        notifier.tell({})
        wait_for(lambda: server.tried > WAITING)
        notifier.stop()


@pytest.mark.parametrize("status", [301, 400, 500])
def test_other_answers_are_no_taking(status: int) -> None:
    """Redirects are not followed either."""
    with receiving() as server:
        server.status = status
        with pytest.raises(AnswerRefused):
            notify(server.url, {"n": 1})
