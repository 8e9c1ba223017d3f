"""The HTTP interface of the page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from pet_mtl.errors import PetMtlError
from pet_mtl.serving.api_error import ApiError, handle_errors
from pet_mtl.serving.guard import Access, Guard
from pet_mtl.serving.metrics import Metrics
from pet_mtl.serving.quiet_app import quiet_app
from pet_mtl.serving.request_log import RequestLog
from pet_mtl.studio.jobs import Job, Jobs, problems_json
from pet_mtl.studio.page import POLICY, page_files
from pet_mtl.studio.row_list import list_rows
from pet_mtl.studio.save import ChangedError
from pet_mtl.studio.schema import Edit, OneRow, RowsAsked, Save, Suggest, read
from pet_mtl.studio.session import Session
from pet_mtl.words.loaded import Loaded
from pet_mtl.words.try_words import RowsOf

Make = Callable[[Session, Request], Awaitable[Callable[[Job], Any]]]
_AT_ONCE = 0.3  # seconds that a job is waited for before the page is told that it runs
_LONGEST_WAIT = 5.0


@dataclass(frozen=True)
class Choice:
    """What the studio scores.

    Attributes:
        stored: the suite is a checkpoint's.
        limit: the most rows of a task.
        place: where slot states are kept; None for the user's cache folder.
    """

    stored: bool = False
    rows_of: RowsOf = "dev"
    limit: int | None = None
    place: Path | None = None


def create_app(loaded: Loaded, choice: Choice, access: Access | None = None) -> FastAPI:
    """Return the application of the page."""
    files, jobs = page_files(), Jobs()
    names = [
        name for name, task in loaded.suite.tasks.items() if not task.kind_spec.facts.hypotheses
    ]
    if not names:
        raise PetMtlError(
            "no task has label words at its slots",
            where=loaded.suite.source,
            hint="the studio edits tasks of all kinds but `entailment`",
        )
    sessions = {
        name: Session(
            loaded,
            name,
            stored=choice.stored,
            rows_of=choice.rows_of,
            limit=choice.limit,
            place=choice.place,
        )
        for name in names
    }

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.stop_all()

    app = quiet_app(lifespan, title="pet-mtl studio", openapi_url=None)
    app.add_middleware(Guard, access=access or Access(), open_paths=files)
    app.add_middleware(
        RequestLog, metrics=Metrics(), paths=files, policy=POLICY, quiet=("other", *files)
    )
    handle_errors(app)

    @app.exception_handler(PetMtlError)
    async def of_input(request: Request, error: PetMtlError) -> Response:
        if isinstance(error, ChangedError):
            content = {"difference": error.difference, "digest": error.digest}
            return JSONResponse({"changed": content, "problems": problems_json(error)}, 409)
        return JSONResponse({"problems": problems_json(error)}, 422)

    def session(task: str) -> Session:
        if task not in sessions:
            raise ApiError(404, "unknown_task", "there is no such task")
        return sessions[task]

    async def told(job: Job, seconds: float = _AT_ONCE) -> dict[str, Any]:
        await asyncio.to_thread(job.wait, seconds)
        return job.to_json()

    @app.get("/api/suite")
    async def suite() -> dict[str, Any]:
        tasks = [loaded.suite.tasks[name] for name in sessions]
        return {
            "model": loaded.name,
            "zero_shot": loaded.zero_shot,
            "rows_of": choice.rows_of,
            "suite": loaded.suite.name,
            "tasks": [
                {
                    "task": task.name,
                    "description": task.description,
                    "labels": len(task.verbalizer.labels),
                }
                for task in tasks
            ],
        }

    @app.get("/api/tasks/{task}")
    async def task_(task: str) -> dict[str, Any]:
        return await asyncio.to_thread(session(task).to_json)

    @app.post("/api/tasks/{task}/reload")
    async def reload(task: str) -> dict[str, Any]:
        return await asyncio.to_thread(session(task).reload)

    @app.post("/api/tasks/{task}/check")
    async def check(task: str, request: Request) -> dict[str, Any]:
        edit = await read(request, Edit)
        return await asyncio.to_thread(session(task).check, edit)

    @app.post("/api/tasks/{task}/save")
    async def save(task: str, request: Request) -> dict[str, Any]:
        asked = await read(request, Save)
        return await asyncio.to_thread(session(task).save, asked)

    @app.post("/api/tasks/{task}/rows")
    async def rows(task: str, request: Request) -> dict[str, Any]:
        asked = await read(request, RowsAsked)
        effect = session(task).scored(asked.effect)
        return await asyncio.to_thread(list_rows, effect, asked)

    def as_job(
        kind: str, make: Callable[[Session, Request], Awaitable[Callable[[Job], Any]]]
    ) -> None:
        @app.post(f"/api/tasks/{{task}}/{kind}")
        async def start(task: str, request: Request) -> dict[str, Any]:
            work = await make(session(task), request)
            page = request.headers.get("x-page", "")  # one does not stop what another waits for
            return await told(jobs.start(f"{task}/{kind}/{page}", work))

    async def effect(of: Session, request: Request) -> Callable[[Job], Any]:
        edit = await read(request, Edit)
        return lambda job: of.effect(edit, job)

    async def suggest(of: Session, request: Request) -> Callable[[Job], Any]:
        asked = await read(request, Suggest)
        return lambda job: of.suggest(asked, job)

    async def preview(of: Session, request: Request) -> Callable[[Job], Any]:
        asked = await read(request, OneRow)
        return lambda job: of.preview(asked, job)

    async def inspect(of: Session, request: Request) -> Callable[[Job], Any]:
        asked = await read(request, OneRow)
        return lambda job: of.inspect(asked, job)

    as_job("effect", effect)
    as_job("suggest", suggest)
    as_job("preview", preview)
    as_job("inspect", inspect)

    @app.get("/api/jobs/{job}")
    async def ask(job: str, wait: float = 1.0) -> dict[str, Any]:
        if (found := jobs.find(job)) is None:
            raise ApiError(404, "unknown_job", "there is no such job")
        # in this order: `max` and `min` give the first of two where the other is no number
        return await told(found, min(_LONGEST_WAIT, max(0.0, wait)))

    @app.delete("/api/jobs/{job}")
    async def stop(job: str) -> dict[str, Any]:
        if (found := jobs.find(job)) is None:
            raise ApiError(404, "unknown_job", "there is no such job")
        found.stop()
        return await told(found)

    def serve_file(path: str) -> None:
        file = files[path]

        @app.get(path, include_in_schema=False)
        async def send() -> Response:
            return Response(
                file.content, media_type=file.kind, headers={"Cache-Control": "no-cache"}
            )

    for path in files:
        serve_file(path)
    return app
