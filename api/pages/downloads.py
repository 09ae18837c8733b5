"""What a page lets its reader take along: files, receipts, proofs and bundles, as the API gives
them, to a session instead of a key."""

from __future__ import annotations

from starlette.responses import Response

from api.exports import export_record
from api.pages.calls import HEADERS, Call
from api.reading import read_proof, read_receipt
from api.uploads import disposition, download
from archive.ledger import NoSuchRecordError
from domain.record import Record


def _record(call: Call) -> Record:
    return call.visit.record(call.request.path_params["record"])


def _version(call: Call) -> int:
    said: str = call.request.path_params["version"]
    if not (said.isascii() and said.isdigit() and 0 < int(said[:10]) < 2**31):
        raise NoSuchRecordError(said)
    return int(said)


def _as_file(response: Response, record: Record, ending: str) -> Response:
    response.headers["Content-Disposition"] = disposition(f"{record.number or record.id}{ending}")
    response.headers["Cache-Control"] = HEADERS["Cache-Control"]
    return response


def show_attachment(call: Call) -> Response:
    said = call.request.path_params
    return download(call.request, call.visit, said["record"], said["attachment"])


def show_receipt(call: Call) -> Response:
    record, version = _record(call), _version(call)
    response = read_receipt(call.visit, record.id, version)
    return _as_file(response, record, f"-{version}.receipt.json")


def show_proof(call: Call) -> Response:
    record, version = _record(call), _version(call)
    return _as_file(read_proof(call.visit, record.id, version), record, f"-{version}.proof.json")


def show_bundle(call: Call) -> Response:
    """`linked=1`: with the records that it links to."""
    record = _record(call)
    response = export_record(call.visit, record.id, linked=bool(call.asked("linked")))
    return _as_file(response, record, ".zip")
