"""The whole of `pet-mtl compare`: the cells one after the other, then what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pet_mtl.comparison.cell import CellResult, train_cell, zero_shot_cell
from pet_mtl.comparison.folder import check_settings, finish, locked, read_result, settings_of
from pet_mtl.comparison.page import write_pages
from pet_mtl.comparison.plan import Cell, Variant, cell_path, cell_suite, plan_cells
from pet_mtl.comparison.shots import Shots, few_rows
from pet_mtl.comparison.summary import Comparison, summarize
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.training.interrupt import Interrupted


@dataclass(frozen=True)
class Request:
    """What to compare.

    Attributes:
        variants: methods; the first is what the others are compared to.
        shots: training rows for each label.
        seeds: how many; the first is the suite's own.
        single_task: train each task alone too.
        few_shot_steps: optimizer steps of runs on some rows of each label.
    """

    variants: Sequence[Variant]
    shots: Sequence[Shots]
    seeds: int
    single_task: bool = False
    few_shot_steps: int = 100


def compare(request: Request, out: Path) -> Comparison:
    """Do the cells that are not done yet, and write tables and page.

    Rows are read and split once, by the suite's own seed; the seeds of the cells decide which few rows are taken, how
    new parts begin and the order of the rows.

    Raises:
        PetMtlError: the rows are not right; `out` holds another comparison.
        Interrupted: the cell in hand was saved; the same call goes on.
        RunError: no cell succeeded.
    """
    suite = request.variants[0].suite
    data = load_suite_data(suite)
    scored = {name: task.dev for name, task in data.items() if task.dev is not None and len(task.dev)}
    if not scored:
        raise PetMtlError("no task has dev rows to compare on", where=suite.source, hint="add `data: dev:` to a task")
    for name, task in data.items():
        for note in task.notes:
            say(f"warning: {name}: {note}")
    seeds = [suite.train.seed + number for number in range(request.seeds)]
    alone = list(scored) if request.single_task and len(suite.tasks) > 1 else []
    cells = plan_cells(request.variants, request.shots, seeds, alone)
    if not cells:
        raise PetMtlError("nothing to do: of all methods, `pet` alone scores without training", where="--shots 0")
    with locked(out):
        keys = {name: row_keys(rows) for name, rows in scored.items()}
        check_settings(out, settings_of(request.variants, data, keys, request.few_shot_steps))
        results = {cell: result for cell in cells if (result := read_result(out, cell)) is not None}
        if results:
            say(f"{len(results)} of {len(cells)} cells are done")
        failed = _do(request, cells, data, out, results)
        if not results:
            raise RunError("no cell succeeded", where=str(out))
        gold = {name: rows.labels for name, rows in scored.items()}
        comparison = summarize(suite, [variant.name for variant in request.variants], gold, results, failed)
        write_pages(out, comparison)
    return comparison


def _do(
    request: Request, cells: Sequence[Cell], data: Mapping[str, TaskData], out: Path, results: dict[Cell, CellResult]
) -> dict[Cell, str]:
    """Do the missing cells, add their results, and return why some failed: one that diverges does not stop the rest."""
    suites = {variant.name: variant.suite for variant in request.variants}
    failed: dict[Cell, str] = {}
    for number, cell in enumerate(cells, 1):
        if cell in results:
            continue
        say(f"cell {number} of {len(cells)}: {cell}")
        suite = suites[cell.variant]
        try:
            if cell.shots == 0:
                result = zero_shot_cell(suite, data)
            else:
                rows = few_rows(data, cell.shots, cell.seed)
                sizes = {name: len(task.train) for name, task in rows.items()}
                wanted = {cell.task: rows[cell.task]} if cell.task else rows
                suite = cell_suite(suite, cell, sizes, request.few_shot_steps)
                result = train_cell(suite, wanted, cell_path(out, cell))
        except Interrupted as stopped:
            raise Interrupted(str(stopped), hint=f"the same command with `--out {out}` goes on") from None
        except RunError as error:
            failed[cell] = str(error)
            say(f"error: {cell}: {error}")
            continue
        finish(out, cell, result)
        results[cell] = result
    return failed
