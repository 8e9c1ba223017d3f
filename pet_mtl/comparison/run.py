"""The whole of `pet-mtl compare`: the cells one after the other, then what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pet_mtl.cloze.sampling import Schedule
from pet_mtl.comparison.cell import CellResult, train_cell, zero_shot_cell
from pet_mtl.comparison.engine import Engine, find_engine
from pet_mtl.comparison.folder import (
    check_results,
    check_settings,
    clear,
    finish,
    mixed,
    read_result,
    settings_of,
)
from pet_mtl.comparison.page import write_pages
from pet_mtl.comparison.plan import (
    Cell,
    Variant,
    cell_path,
    cell_suite,
    plan_cells,
    seeds_of,
)
from pet_mtl.comparison.same_rows import steps_alone
from pet_mtl.comparison.shots import ALL, Shots, few_rows, most_of_a_label
from pet_mtl.comparison.summary import Comparison, summarize
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.suite_data import TaskData, dev_rows_of, load_suite_data
from pet_mtl.errors import MachineError, PetMtlError, ProblemList, RunError
from pet_mtl.scoring.leak_guard import guard_rows
from pet_mtl.scoring.loaded import compile_suite
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.lock import held
from pet_mtl.storage.pretrained import load_pieces, suite_model
from pet_mtl.suite.chain import require_reads
from pet_mtl.suite.suite import Suite
from pet_mtl.text import counted, same_command
from pet_mtl.training.few_rows import settle_rate
from pet_mtl.training.teachers import rows_to_learn


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
    """Do the cells that are neither done nor in the hands of another process, and write tables and
    page.

    Rows are read and split once, by the suite's own seed; the seeds of the cells decide which few
    rows are taken, how new parts begin and the order of the rows.

    Raises:
        PetMtlError: the rows are not right; `out` holds another comparison; a package is not
            installed.
        Interrupted: the cell in hand was saved; the same call goes on.
        MachineError: the disk is full; the same call goes on with the cell in hand.
        RunError: no cell succeeded.
    """
    suite = request.variants[0].suite
    if request.single_task:
        for name in suite.tasks:
            only = {name: suite.tasks[name]}
            require_reads(only, "--single-task", "compare without `--single-task`")
    seeds = seeds_of(suite, request.seeds)
    _check_methods(request.variants)
    data = load_suite_data(suite)
    scored = dev_rows_of(data)
    if not scored:
        raise PetMtlError(
            "no task has dev rows to compare on",
            where=suite.source,
            hint="add `data: dev:` to a task",
        )
    for name, task in data.items():
        for note in task.notes:
            say(f"warning: {name}: {note}")
    most = most_of_a_label(data)
    for shots in request.shots:
        if shots != ALL and int(shots) >= most:
            say(f"warning: `--shots {shots}` leaves no row out: no label has more than {most:,}")
    for folder in dict.fromkeys(Path(suite_model(one.suite)) for one in request.variants):
        guard_rows(folder, scored, strict=False)
    alone = list(scored) if request.single_task and len(suite.tasks) > 1 else []
    if request.single_task and not alone:
        say("warning: `--single-task` does nothing: there is one task")
    cells = plan_cells(request.variants, request.shots, seeds, alone)
    if not cells:
        raise PetMtlError(
            "nothing to do: of all methods, `pet` alone scores without training",
            where="--shots 0",
        )
    again = mixed(out)
    missing = {
        cell.variant
        for cell in cells
        if cell_path(out, cell) in again or read_result(out, cell) is None
    }
    engines = {
        one.name: find_engine(one.engine)
        for one in request.variants
        if one.engine and one.name in missing
    }
    with held(out / ".lock", wait=True):
        keys = {name: row_keys(rows) for name, rows in scored.items()}
        check_settings(out, settings_of(request.variants, data, keys, request.few_shot_steps))
    failed, busy = _do(request, cells, data, out, engines)
    with held(out / ".lock", wait=True):  # the last of several processes finds the cells of all
        results = {cell: result for cell in cells if (result := read_result(out, cell)) is not None}
        if not results and busy:
            raise PetMtlError(
                "another comparison has all cells in hand", where=str(out), hint="wait for it"
            )
        if not results:
            raise RunError("no cell succeeded", where=str(out))
        gold = {name: rows.gold for name, rows in scored.items()}
        check_results(out, suite, results, {name: len(rows) for name, rows in scored.items()})
        comparison = summarize(
            suite, [variant.name for variant in request.variants], gold, results, failed
        )
        write_pages(out, comparison)
    if busy:
        say(
            f"left to another process: {counted(len(busy), 'cell')}; it writes the tables anew "
            "when it is done"
        )
    return comparison


def _check_methods(variants: Sequence[Variant]) -> None:
    """Refuse methods that cannot write the tasks' rows, before anything is trained."""
    problems = ProblemList()
    for variant in variants:
        if variant.engine is None:
            try:
                compile_suite(variant.suite, load_pieces(suite_model(variant.suite)))
            except PetMtlError as error:
                for each in error.problems:
                    message = f"{variant.name}: {each.message}"
                    problems.add(message, where=each.where, hint=each.hint)
            continue
        for name, task in variant.suite.tasks.items():
            if not task.kind_spec.facts.plain:
                problems.add(
                    f"{variant.name} knows nothing of `{task.told_kind}` of task `{name}`",
                    where=variant.suite.source,
                    hint="leave the method out, or name the other tasks in a file of their own",
                )
    problems.raise_if_any()


def _do(
    request: Request,
    cells: Sequence[Cell],
    data: Mapping[str, TaskData],
    out: Path,
    engines: Mapping[str, Engine],
) -> tuple[dict[Cell, str], list[Cell]]:
    """Do the missing cells; return why some failed, and which another process was doing.

    One that diverges does not stop the rest; a full disk does.
    """
    done = sum(read_result(out, cell) is not None for cell in cells)
    if done:
        say(f"{done} of {len(cells)} cells are done")
    suites = {variant.name: variant.suite for variant in request.variants}
    failed: dict[Cell, str] = {}
    busy: list[Cell] = []
    for number, cell in enumerate(cells, 1):
        if read_result(out, cell) is not None:
            with held(cell_path(out, cell) / ".lock") as ours:
                if ours:  # a run may have been killed before it did, its lock left behind
                    clear(out, cell)
            continue
        with held(cell_path(out, cell) / ".lock") as ours:
            if not ours:
                busy.append(cell)
                continue
            if read_result(out, cell) is not None:  # done by another process a moment ago
                continue
            say(f"cell {number} of {len(cells)}: {cell}")
            try:
                result = _do_cell(
                    request, suites[cell.variant], cell, data, out, engines.get(cell.variant)
                )
            except Interrupted as stopped:
                raise stopped.hinted(f"{same_command(out)} goes on") from None
            except MachineError:
                say(f"{cell}: {same_command(out)} goes on here")
                raise
            except PetMtlError as error:  # it diverged, or this method cannot do the tasks
                failed[cell] = str(error)
                say(f"error: {cell}: {error}")
                continue
            finish(out, cell, result)
    return failed, [cell for cell in busy if read_result(out, cell) is None]


def _do_cell(
    request: Request,
    suite: Suite,
    cell: Cell,
    data: Mapping[str, TaskData],
    out: Path,
    engine: Engine | None,
) -> CellResult:
    if cell.shots == 0:
        return zero_shot_cell(suite, data, engine)
    rows = few_rows(data, cell.shots, cell.seed)
    # soft labels may speak of unlabelled rows, which our own training learns from too
    learned = {n: task.train for n, task in rows.items()} if engine else rows_to_learn(rows, ())
    sizes = {name: len(of_task) for name, of_task in learned.items()}
    wanted = {cell.task: rows[cell.task]} if cell.task else rows

    def alone(joint: Suite) -> int:
        assert cell.task is not None
        return steps_alone(joint, learned, cell.task, engine.schedule if engine else Schedule)

    suite = cell_suite(suite, cell, sizes, request.few_shot_steps, alone)
    suite = settle_rate(suite, sum(sizes.values()))  # a task alone has the rate that it has jointly
    return train_cell(suite, wanted, cell_path(out, cell), engine)
