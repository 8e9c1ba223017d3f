"""The HTTP interface of checkpoints."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import torch
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from pet_mtl.console import say
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.serving.api_error import ApiError, handle_errors
from pet_mtl.serving.batcher import Batcher, ClosedError, QueueFullError
from pet_mtl.serving.body import read_body
from pet_mtl.serving.guard import Access, Guard
from pet_mtl.serving.limits import Limits
from pet_mtl.serving.metrics import CONTENT_TYPE, Metrics
from pet_mtl.serving.models import Models
from pet_mtl.serving.quiet_app import quiet_app
from pet_mtl.serving.request_log import RequestLog
from pet_mtl.serving.rows import Job, make_job
from pet_mtl.serving.schema import (
    ErrorAnswer,
    PredictAnswer,
    PredictRequest,
    TaskOut,
    TasksAnswer,
    read_request,
)

_MOST_THREADS = 4
_HEADER_SAFE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
PROBES = ("/health", "/ready")
PATHS = ("/v1/predict", "/v1/tasks", *PROBES, "/metrics", "/openapi.json")
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        401: "The token is missing or wrong.",
        408: "The body came too slowly.",
        413: "The body is too large.",
        422: "The body is not right: its JSON, the task, a row.",
        429: "Too many rows wait; try again after `Retry-After` seconds.",
        503: "The server is stopping.",
        504: "The answer took too long.",
    }.items()
}


def create_app(
    models: Models,
    *,
    access: Access | None = None,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
    batch_tokens: int = 4096,
    wait: float = 0.002,
    log_texts: bool = False,
) -> FastAPI:
    """Return the application; while it runs, jobs are scored and checkpoints watched.

    Args:
        batch_tokens, wait: see `Batcher`.
        log_texts: put the texts of requests into the log.
    """
    limits, metrics = limits or Limits(), metrics or Metrics()
    batcher: Batcher | None = None

    def on_batch(rows: int, seconds: float) -> None:
        metrics.batch_rows.observe(rows)
        metrics.batch_seconds.observe(seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal batcher
        batcher = Batcher(
            tokens=batch_tokens,
            wait=wait,
            queue=limits.queue,
            threads=_scoring_threads(models),
            on_batch=on_batch,
            on_queue=metrics.queue_rows.set,
        )
        models.watch()
        yield
        models.close()
        await asyncio.to_thread(batcher.close)

    app = quiet_app(
        lifespan,
        title="pet-mtl",
        summary="Labels of texts, from checkpoints that pet-mtl trained.",
        openapi_url="/openapi.json",
    )
    app.add_middleware(Guard, access=access or Access(), open_paths=PROBES)
    app.add_middleware(RequestLog, metrics=metrics, paths=PATHS, quiet=(*PROBES, "/metrics"))
    handle_errors(app)

    @app.get("/health", summary="Whether the process lives.")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", summary="Whether rows are taken.", responses={503: _ERRORS[503]})
    async def ready() -> dict[str, str]:
        if batcher is None or not batcher.alive:
            raise ApiError(503, "not_ready", "no rows are taken now")
        return {"status": "ready"}

    @app.get("/metrics", response_class=Response, summary="Counts for Prometheus.")
    async def read_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/v1/tasks", response_model=TasksAnswer, summary="The tasks and their labels.")
    async def tasks() -> TasksAnswer:
        return TasksAnswer(
            tasks=[
                TaskOut(
                    task=task.name,
                    model=served.name,
                    description=task.description,
                    fields=list(task.fields),
                    labels=dict(
                        zip(task.verbalizer.labels, map(list, task.verbalizer.words), strict=True)
                    ),
                )
                for served in models.served
                for task in served.loaded.suite.tasks.values()
            ]
        )

    @app.post(
        "/v1/predict",
        response_model=PredictAnswer,
        summary="Predict the labels of rows of one task.",
        responses=_ERRORS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": PredictRequest.model_json_schema()}},
            }
        },
    )
    async def predict(request: Request) -> Response:
        asked = read_request(await read_body(request, limits))
        served, task = models.find(asked.task, asked.model)
        job = make_job(served, task, asked.rows, limits)
        request.state.note = f" {task.name} {job.rows} rows"
        if log_texts:
            say(f"{request.state.request_id} {task.name} {job.columns}")
        predictions = []
        if job.rows:
            scores = await _scores(job, request, batcher, limits)
            predictions = _predictions(job, scores, asked.top_k)
            metrics.rows.labels(served.name, task.name).inc(job.rows)
        return JSONResponse(
            {"task": task.name, "predictions": predictions},
            # a header takes ASCII only, and no ends of lines
            headers={"X-Model": quote(served.name, safe=_HEADER_SAFE, errors="replace")},
        )

    return app


def _scoring_threads(models: Models) -> int:
    """Return how many batches are scored at once: on a CPU, threads that each score a batch wait
    less for one another than those that share one."""
    devices = {served.loaded.machine.device.type for served in models.served}
    return min(_MOST_THREADS, torch.get_num_threads()) if devices == {"cpu"} else 1


async def _scores(
    job: Job, request: Request, batcher: Batcher | None, limits: Limits
) -> FloatArray:
    """Wait for the scores of a job as long as its client does.

    Raises:
        ApiError: 429, the queue is full; 503, the server stops; 504, it took too long.
        ClientDisconnect: nobody waits any more.
    """
    try:
        if batcher is None:
            raise ClosedError
        batcher.submit(job)
    except QueueFullError:
        raise ApiError(
            429,
            "queue_full",
            f"{limits.queue:,} rows wait already",
            hint="try again later",
            headers={"Retry-After": "1"},
        ) from None
    except ClosedError:
        raise ApiError(503, "stopping", "the server is stopping") from None
    scores = asyncio.wrap_future(job.future)
    gone = asyncio.ensure_future(request.receive())  # the body is read: only the end can come
    try:
        waited: set[asyncio.Future[Any]] = {scores, gone}
        await asyncio.wait(
            waited, timeout=limits.answer_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if scores.done():
            return scores.result()
        if gone.done():
            raise ClientDisconnect
        raise ApiError(
            504, "timeout", f"the answer was not there within {limits.answer_seconds:g} s"
        )
    finally:
        gone.cancel()
        scores.cancel()


def _predictions(job: Job, scores: FloatArray, top_k: int | None) -> list[dict[str, Any]]:
    kind, verbalizer = kind_of(job.task), job.task.verbalizer
    words: dict[str, str] = {}
    if kind.one_label:  # else a set of one label, or a number that is an end's name, would have one
        words = dict(zip(verbalizer.labels, (words[0] for words in verbalizer.words), strict=True))
    predictions = []
    for found in kind.predictions(scores):
        order = sorted(found.probabilities, key=lambda label: -found.probabilities[label])
        predictions.append(
            {
                "label": found.label,
                "word": words.get(found.label, ""),
                "probability": found.probability,
                "probabilities": {label: found.probabilities[label] for label in order[:top_k]},
                **found.more,
            }
        )
    return predictions
