"""An application that tells nobody but its clients."""

from typing import Any

from fastapi import FastAPI


def quiet_app(lifespan: Any, **options: Any) -> FastAPI:
    """Return an application without pages that load scripts from other sites, and without
    FastAPI's telemetry: its traces and logs hold texts of errors, and the environment may say
    where they are sent."""
    return FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        **options,
    )
