"""The one builder: everything that answers over HTTP is put together here."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import exports, health, listing, manual, metrics, reading, retention_lists, tlog, uploads
from api.acts import act_routes
from api.appending import Pending
from api.batches import batch_routes
from api.callers import caller_routes
from api.desk import Desk
from api.disposals import disposal_routes
from api.door import Door, refuse
from api.envelopes import envelope_routes
from api.executing import Executions
from api.groups import Groups
from api.idempotency import Windows
from api.key_backup import securing
from api.openapi import document
from api.own_keys import key_routes
from api.pages import routes as pages
from api.problems import Refusal
from api.settings import Settings
from api.signoff_keys import signoff_key_routes
from api.signoffs import signoff_routes
from api.sources import source_routes
from api.steps import step_routes
from archive.accesses import AccessLog
from archive.callers import CallerRefusedError, Callers
from archive.evidence.errors import EvidenceError
from archive.opening import Archive
from archive.signoff_keys import SignoffKeys
from archive.store import StoreError
from archive.views.database import ViewError
from archive.views.register import RegisterError
from archive.views.search import SearchError
from archive.views.worklist import WorklistError
from archive.watching import Plan, Watch
from domain.errors import DomainError
from domain.kinds import current
from retention.executing import Terms
from retention.opening import open_retention
from retention.proven_time import proven_time

TOLD = (
    Refusal, DomainError, StoreError, ViewError, SearchError, RegisterError, WorklistError,
    EvidenceError, CallerRefusedError, HTTPException, RequestValidationError,
)  # fmt: skip
YOUNG = 5_000
"""New objects before the collector of cycles looks at them. Sixty-four requests under way are more
than the usual 700, so that it would look again and again at what is still in use."""


def create_desk(archive: Archive, settings: Settings) -> Desk:
    files = archive.attachments
    files.limit, files.quota = settings.attachment_limit, settings.upload_quota
    files.total_quota = settings.upload_quota_total
    archive.ledger.surroundings.noted.append(archive.attachments.note)
    archive.secured = securing(archive, settings)
    terms = Terms(settings.disposal_cool_off_days)
    retention = open_retention(archive, lambda: proven_time(archive), terms)
    return Desk(
        archive=archive,
        settings=settings,
        callers=Callers(archive.keys),
        accesses=AccessLog(archive.ledger, archive.options.clock, settings.access_log_seconds),
        windows=Windows(archive.keys),
        clock=archive.options.clock,
        groups=Groups(lambda asked: taken(archive, asked)),
        pool=ThreadPoolExecutor(settings.threads, thread_name_prefix="request"),
        retention=retention,
        executions=Executions(retention.disposals),
        signoff=SignoffKeys(archive.keys, archive.keyring, archive.committer),
        watch=Watch(archive, plan(settings), archive.options.clock),
    )


def plan(settings: Settings) -> Plan:
    return Plan(
        hours=settings.self_check_hours,
        share=settings.self_check_share / 100,
        memory=settings.self_check_memory,
        webhook=settings.alarm_webhook,
        port=settings.port,
        every=min(settings.checkpoint_seconds, 60),
        timestamps=settings.timestamp_seconds,
    )


def taken(archive: Archive, asked: Sequence[object]) -> Sequence[object]:
    pending = [one for one in asked if isinstance(one, Pending)]
    return archive.ledger.execute_many([one.asked for one in pending])


def create_app(archive: Archive, settings: Settings) -> FastAPI:
    """The application over an open archive. Who opened the archive closes it, and runs what works
    in the background (views, checkpoints, checks); the application keeps only the access log."""
    desk = create_desk(archive, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        usual = gc.get_threshold()
        gc.set_threshold(YOUNG, *usual[1:])
        desk.accesses.start()
        desk.groups.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(desk.accesses.stop)
            await anyio.to_thread.run_sync(desk.groups.stop)
            await anyio.to_thread.run_sync(desk.executions.stop)
            desk.pool.shutdown()
            gc.set_threshold(*usual)

    app = FastAPI(
        title="留痕 Liuhen", version="1", lifespan=lifespan, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.desk = desk
    steps = step_routes()
    app.router.routes.append(steps)
    routers = (
        reading.router, exports.router, listing.router, uploads.router, tlog.router, health.router,
        metrics.router, manual.router, act_routes(), batch_routes(), caller_routes(),
        source_routes(), key_routes(), envelope_routes(), signoff_key_routes(), signoff_routes(),
        retention_lists.router, disposal_routes(),
    )  # fmt: skip
    for router in routers:
        app.include_router(router)
    app.include_router(pages.router(desk))
    for kind_id in current():
        app.include_router(listing.of_one_kind(kind_id))
    document(app, steps)
    for error in TOLD:
        app.add_exception_handler(error, refuse)
    app.add_middleware(Door, desk=desk)
    return app
