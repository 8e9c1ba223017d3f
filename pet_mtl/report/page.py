"""The report page: one HTML file that needs nothing else, and no network."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from pet_mtl.atomic import write_bytes
from pet_mtl.report.data import ReportData
from pet_mtl.report.markup import Html, element, join
from pet_mtl.report.overview import curves_section, header_section, settings_section
from pet_mtl.report.routes_section import routes_section
from pet_mtl.report.task_section import task_section


@cache
def policy() -> str:
    """Return the page's Content-Security-Policy.

    Whatever text found its way into the page, the browser itself refuses to load anything, or to
    run anything but our own script, which the policy names by its hash.
    """
    digest = base64.b64encode(hashlib.sha256(script().encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


def write_report(path: Path, data: ReportData) -> None:
    """Write the report of a run at once; see `write_bytes`."""
    # Broken text (lone surrogates) must not cost the report of a whole run.
    write_bytes(path, report_page(data).encode("utf-8", errors="replace"))


def report_page(data: ReportData) -> Html:
    """Return the whole page."""
    sections = [
        header_section(data),
        settings_section(data.settings),
        curves_section(data.tasks, data.conflicts, data.terms, data.mean[0], data.best_step),
        routes_section(data.routes),
        *(task_section(task, position) for position, task in enumerate(data.tasks)),
    ]
    return html_page(f"{data.title} · {data.mean[1]:.3f} · pet_mtl", sections, data.created)


def html_page(title: str, sections: Sequence[Html], created: str) -> Html:
    """Return a page of some sections, with the style sheet and the script in it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(stylesheet())),
    )
    footer = element("footer", "Written by pet_mtl, ", created)
    return join(
        Html("<!doctype html>\n"),
        element(
            "html",
            head,
            element("body", element("main", sections, footer), element("script", Html(script()))),
            lang="en",
        ),
    )


def stylesheet() -> str:
    """Return the style sheet that ships with the package."""
    return files("pet_mtl.report").joinpath("report.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    """Return the script that ships with the package, as it stands in the page."""
    return files("pet_mtl.report").joinpath("report.js").read_text(encoding="utf-8")
