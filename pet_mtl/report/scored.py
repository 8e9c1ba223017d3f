"""The page of `score --report`: checkpoints on the same rows, side by side."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from pet_mtl.atomic import link_target, require_folder, write_bytes
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.metrics.score import mean_main
from pet_mtl.report.markup import Html, element
from pet_mtl.report.overview import colour_of, page_header
from pet_mtl.report.page import html_page
from pet_mtl.report.places import short_model
from pet_mtl.report.side_by_side import Column, changes, labels_beside, scores_beside
from pet_mtl.report.task_data import task_report
from pet_mtl.report.task_section import task_body, task_heading
from pet_mtl.scoring.checkpoint_scores import CheckpointScore

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def require_report(file: Path) -> None:
    """Refuse a page that could not be written later, and clear away what a killed writer of it
    left.

    Raises:
        PetMtlError: `file` is a folder, a device or a pipe, or its folder cannot be written.
    """
    hint = "name a file in a folder of your own: `--report page.html`"
    if file.is_dir():
        raise PetMtlError("this is a folder, not a file", where=str(file), hint=hint)
    try:
        require_folder(link_target(file).parent)
    except PetMtlError as error:
        found = error.problems[0]
        raise PetMtlError(found.message, where=found.where, hint=hint) from error
    sweep(file)


def write_score_report(file: Path, scores: Sequence[CheckpointScore]) -> None:
    """Write the page at once; see `write_bytes`."""
    write_bytes(file, score_page(scores).encode("utf-8", errors="replace"))


def score_page(scores: Sequence[CheckpointScore]) -> Html:
    """Return the page of some scores whose rows were kept."""
    created = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    columns = [Column(letter(number), one) for number, one in enumerate(scores)]
    tasks = list(dict.fromkeys(name for one in scores for name in one.tasks))
    sections = [_header(columns, tasks, created), scores_beside(columns, tasks)]
    sections += [_task(columns, name, number) for number, name in enumerate(tasks)]
    names = ", ".join(short_model(one.path) for one in scores[:3])
    title = f"{names}{', …' if len(scores) > 3 else ''} · score · pet_mtl"
    return html_page(title, sections, created)


def letter(number: int) -> str:
    """Return the short name of a checkpoint.

    >>> letter(0), letter(27)
    ('A', 'B2')
    """
    again, place = divmod(number, len(_LETTERS))
    return _LETTERS[place] + (str(again + 1) if again else "")


def _header(columns: Sequence[Column], tasks: Sequence[str], created: str) -> Html:
    several = len(columns) > 1
    facts = []
    for column in columns:
        one, key = column.score, f"{column.letter}: " if several else ""
        mean = mean_main(one.tasks.values())
        over = f"mean {mean[0]}" if len(one.tasks) > 1 else mean[0]
        told = f"{short_model(one.path)} · {one.method} · {over} {mean[1]:.4f}"
        speed = one.throughput.to_json()["samples_per_second"]
        facts.append((f"{key}checkpoint", f"{told} · {speed:,.0f} rows/s"))
    first = {name: score for c in reversed(columns) for name, score in c.score.tasks.items()}
    rows = ", ".join(f"{name} {first[name].examples:,}" for name in tasks)
    head = f"{len(columns)} checkpoints" if several else short_model(columns[0].score.path)
    return page_header("score", head, (f"rows: {rows}", created), facts)


def _task(columns: Sequence[Column], name: str, number: int) -> Html:
    having = [column for column in columns if name in column.score.tasks]
    several = len(columns) > 1
    parts: list[Html] = []
    if several:
        parts = [labels_beside(having, name), changes(having, name)]
        parts.append(element("h3", "Each checkpoint"))
    heading = Html()
    for place, column in enumerate(having):
        of, score = column.score.predicted[name], column.score.tasks[name]
        shown = task_report(of.task, of.rows, of.log_probs, score, column.score.base)
        heading = heading or task_heading(shown)
        body = task_body(shown, f"{number}-{place}", labels=not several)
        if several:
            title = f"{column.letter} {short_model(column.score.path)}"
            body = element("details", element("summary", title), body)
        parts.append(body)
    css = f"card task {colour_of(number)}"
    return element("section", heading, parts, class_=css, id=f"task-{number}")
