"""Three ways to try the same: a call in Python, a request over HTTP, a command at the machine.

Each answers with the code of the refusal, with None where it was done, or with ABSENT where the
way has nothing by which it could be asked for: then the words that somebody would try are tried.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import pytest

from api import clock as machine
from api.cli import main
from archive.destruction import NotDisposedError
from archive.ledger import RecordDestroyedError
from domain import commands
from domain.errors import DomainError
from retention.errors import WHY
from retention.imports import file_imported
from tests.archive.acting import Acting
from tests.ways import acts
from tests.ways.acts import Act
from tests.ways.house import House

ABSENT = "absent"
Try = tuple[str, Act]
"""Who tries, and what."""


class ByCall:
    """Whoever runs Python beside the archive: the ledger, and retention's own objects."""

    def offers(self, _: Act) -> bool:
        return True

    def __call__(self, house: House, tries: Sequence[Try]) -> list[str | None]:
        return [self._code(lambda: self._do(house, who, act)) for who, act in tries]  # noqa: B023

    def _code(self, deed: Callable[[], object]) -> str | None:
        try:
            deed()
        except DomainError as error:
            return error.code
        except RecordDestroyedError:
            return "DISPOSED"
        except NotDisposedError:
            return "NO_APPROVED_BATCH"
        return None

    def _do(self, house: House, who: str, act: Act) -> object:  # noqa: C901, PLR0912
        deeds, actor = house.retention.disposals, house.staff.actor(who)
        acting = Acting(house.archive, actor)
        match act:
            case acts.List():
                owner = house.people["head"]
                return deeds.list_due(actor, act.records, owner=owner, relist=act.relist)
            case acts.ListPaper():
                return deeds.list_paper(actor, act.copies)
            case acts.Start():
                return deeds.start(actor, act.disposal)
            case acts.Execute():
                return deeds.execute(act.disposal)
            case acts.DestroyPaper():
                return deeds.destroy_paper(actor, act.disposal, act.items, "P-4")
            case acts.FileImported():
                _file_imported(house, who, act)
                return None
            case acts.Begin():
                return acting.open(act.kind, act.step, **act.values)
            case acts.Take():
                return acting.do(acting.step(act.record, act.step, **act.values))
            case acts.Mend():
                header = acting.header(act.record)
                return acting.do(
                    commands.Correct(
                        **header, target=act.target, values=act.values, reason="写错了"
                    )
                )
            case acts.File():
                header = acting.header(act.record)
                return acting.do(commands.File(**header, scope=False, base_date=act.base_date))
            case acts.Reopen():
                return acting.do(commands.Reopen(**acting.header(act.record), reason="补充"))
            case acts.Dispose():
                header = acting.header(act.record)
                return acting.do(commands.Dispose(**header, warrant=act.warrant, item="1"))
            case acts.Destroy():
                return house.archive.destruction.destroy([act.record])


def _file_imported(house: House, who: str, act: acts.FileImported) -> None:
    archive, journal = house.archive, house.retention.journal
    actor = house.staff.actor(who)
    for one in file_imported(archive, journal, actor, [act.record], claim=act.claim):
        if one.error is not None:
            raise one.error


class ByHttp:
    """Whoever holds an API key, at the real application."""

    def offers(self, act: Act) -> bool:
        if isinstance(act, acts.File):
            return act.base_date is None
        return not isinstance(act, acts.Dispose | acts.Destroy)

    def __call__(self, house: House, tries: Sequence[Try]) -> list[str | None]:
        return [self._code(house, who, act) for who, act in tries]

    def _code(self, house: House, who: str, act: Act) -> str | None:
        if not self.offers(act):
            return self._absent(house, who, act)
        path, body = _request(house, act)
        said = self._post(house, who, path, body)
        if isinstance(act, acts.Execute) and said.status_code == 202:
            house.desk.executions.wait(act.disposal, 60)
            failure = house.desk.executions.failure(act.disposal)
            return failure.code if failure is not None else None
        told = said.json()
        if isinstance(act, acts.FileImported) and "results" in told:
            (told,) = told["results"]
            return None if told["status"] == 201 else _code_of(told)
        return None if said.status_code < 300 else _code_of(told)

    def _absent(self, house: House, who: str, act: Act) -> str | None:
        """No route and no method takes the act, nor a body a day of one's own choice."""
        if isinstance(act, acts.File):
            body = {"scope": False, "base_date": act.base_date}
            said = self._post(house, who, f"/v1/records/{act.record}/filing", body)
            return ABSENT if said.status_code == 422 else "taken"
        one = f"/v1/records/{act.record}"  # type: ignore[union-attr]
        asked = [
            self._post(house, who, f"{one}/{word}", {}) for word in ("disposal", "dispose", "keys")
        ]
        headers = self._headers(house, who)
        for method in ("DELETE", "PUT", "PATCH"):
            asked += [house.client.request(method, p, headers=headers) for p in (one, f"{one}/x")]
        return ABSENT if {said.status_code for said in asked} <= {404, 405} else "taken"

    def _post(self, house: House, who: str, path: str, body: Mapping[str, Any]) -> Any:
        return house.client.post(path, json=body, headers=self._headers(house, who))

    def _headers(self, house: House, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {house.keys[who]}"}


def _request(house: House, act: Act) -> tuple[str, dict[str, Any]]:
    match act:
        case acts.Begin():
            return f"/v1/{act.kind}/steps/{act.step}", {"answers": dict(act.values)}
        case acts.Take():
            kind = house.archive.ledger.get(act.record).kind.id
            path = f"/v1/{kind}/{act.record}/steps/{act.step}"
            return path, {"answers": dict(act.values)}
        case acts.Mend():
            said = {"target": act.target, "answers": dict(act.values), "reason": "写错了"}
            return f"/v1/records/{act.record}/corrections", said
        case acts.File():
            return f"/v1/records/{act.record}/filing", {"scope": False}
        case acts.Reopen():
            return f"/v1/records/{act.record}/reopenings", {"reason": "补充"}
        case _:
            return _of_retention(house, act)


def _of_retention(house: House, act: Act) -> tuple[str, dict[str, Any]]:
    disposals = "/v1/retention/disposals"
    match act:
        case acts.List():
            path = disposals if act.relist is None else f"{disposals}/{act.relist}/relist"
            return path, {"records": list(act.records), "owner": house.people["head"]}
        case acts.ListPaper():
            return disposals, {"copies": list(act.copies)}
        case acts.Start():
            return f"{disposals}/{act.disposal}/start", {}
        case acts.Execute():
            return f"{disposals}/{act.disposal}/execute", {}
        case acts.DestroyPaper():
            shredded = {"items": list(act.items), "method": "P-4"}
            return f"{disposals}/{act.disposal}/destroy-paper", shredded
        case acts.FileImported():
            named = {"records": [act.record], **({"claim": act.claim} if act.claim else {})}
            return "/v1/retention/imports/file", named
        case _:
            raise AssertionError("no route")


def _code_of(problem: Mapping[str, Any]) -> str:
    return str(problem.get("code") or problem["type"].rpartition("/")[2])


class ByCommand:
    """Whoever sits at the machine: `liuhen ...`, with somebody's key."""

    def offers(self, act: Act) -> bool:
        return isinstance(
            act, acts.List | acts.ListPaper | acts.Start | acts.Execute | acts.FileImported
        )

    def __call__(self, house: House, tries: Sequence[Try]) -> list[str | None]:
        with house.away():
            return [self._code(house, who, act) for who, act in tries]

    def _code(self, house: House, who: str, act: Act) -> str | None:
        if not self.offers(act):
            return self._absent(house, who, act)
        status, out, err = liuhen(house, who, *_arguments(house, act))
        if isinstance(act, acts.FileImported) and out:
            (told,) = json.loads(out)["results"]
            return None if told["status"] == 201 else _code_of(told)
        if status == 0:
            return None
        codes = [code for code, why in WHY.items() if why.en in err and why.zh in err]
        return codes[0] if len(codes) == 1 else err

    def _absent(self, house: House, who: str, act: Act) -> str | None:
        words = {getattr(act, "step", type(act).__name__.lower()), type(act).__name__.lower()}
        named = str(getattr(act, "record", None) or getattr(act, "disposal", None) or "")
        for word in words:
            for line in ([word, named], ["retention", word, named], ["keys", word, named]):
                status, _, err = liuhen(house, who, *line)
                if status != 2 or "No such command" not in err:
                    return "taken"
        return ABSENT


def _arguments(house: House, act: Act) -> list[str]:
    owner = ["--owner", house.people["head"]]
    match act:
        case acts.List():
            anew = ["--relist", act.relist] if act.relist else []
            return ["retention", "list", *act.records, *owner, *anew, "--json"]
        case acts.ListPaper():
            return ["retention", "list", "--paper", *act.copies, "--json"]
        case acts.Start():
            return ["retention", "start", act.disposal, "--json"]
        case acts.Execute():
            return ["retention", "execute", act.disposal, "--json"]
        case acts.FileImported():
            claim = ["--claim", act.claim] if act.claim else []
            return ["retention", "file-imported", act.record, *claim, "--json"]
        case _:
            raise AssertionError("no command")


def liuhen(house: House, who: str, *arguments: str) -> tuple[int, str, str]:
    """`liuhen ...` by its main function, the machine's clock being the house's: exit status and
    what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with _machine(house, who, arguments), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            status = 0
        except SystemExit as done:
            status = done.code if isinstance(done.code, int) else 1
    return status, out.getvalue(), err.getvalue()


@contextmanager
def _machine(house: House, who: str, arguments: Sequence[str]) -> Iterator[None]:
    class Turned:
        """Stands where the machine's clock is read."""

        now = staticmethod(lambda _: house.clock())

    environment = {
        "LIUHEN_DATA": str(house.options.data),
        "LIUHEN_DATABASE": house.options.database or "",
        "LIUHEN_KEY": house.keys[who],
        **house.environment,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["liuhen", *arguments])
        patch.setattr(machine, "datetime", Turned)
        yield


WAYS: Mapping[str, ByCall | ByHttp | ByCommand] = {
    "call": ByCall(), "http": ByHttp(), "command": ByCommand(),
}  # fmt: skip


def refuses(house: House, *tries: tuple[str, Act, str]) -> None:
    """Each try, in each of the three ways: refused by this code, or not to be asked for at all;
    each refusal is an event of the journal, and nothing else has changed."""
    for name, way in WAYS.items():
        before, noted = house.leaves(), len(house.notes())
        answers = way(house, [(who, act) for who, act, _ in tries])
        expected = [code if way.offers(act) else ABSENT for _, act, code in tries]
        assert (name, answers) == (name, expected)
        assert house.leaves() == before, name
        notes = [(note["code"], note.get("who")) for note in house.notes()[noted:]]
        asked = [(who, act, code) for who, act, code in tries if way.offers(act)]
        assert len(notes) == len(asked), (name, notes)
        for (code, person), (who, act, meant) in zip(notes, asked, strict=True):
            nobody = isinstance(act, acts.Destroy | acts.Execute)  # asked for by no person's call
            assert (name, code) == (name, meant)
            assert person == house.people[who] or (nobody and person is None), (name, act)


def last_days(house: House, record: str) -> dict[str, str | None]:
    """The last day on which a record must be kept, as each way says it."""
    found = house.retention.shelf.assess(record).assessment.last_day
    told = {"call": found.isoformat() if found else None}
    said = house.get("gm", f"/v1/records/{record}/retention")
    assert said.status_code == 200, said.text
    told["http"] = said.json()["last_day"]
    with house.away():
        for name, how in {"command": ["--thorough"], "lists": []}.items():
            status, out, err = liuhen(house, "gm", "retention", "plan", "--json", *how)
            assert status == 0, err
            rows = {row["record"]: row["last_day"] for row in json.loads(out)["records"]}
            if how or record in rows:
                told[name] = rows[record]
    return told
