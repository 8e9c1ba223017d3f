"""`pet-mtl train`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    DataRoot,
    Json,
    Model,
    Overrides,
    Resume,
    SkipBadRows,
    Tasks,
    Verbalizers,
    files_by_task,
    names_of,
    pattern_file,
    say_left_out,
)
from pet_mtl.console import put_json
from pet_mtl.errors import PetMtlError
from pet_mtl.text import counted, in_shell


def train(
    patterns: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=(
                "Pattern file, or the name of a bundled one: causal, default, fewclue, pairs, "
                "tianchi, tianchi-few."
            ),
            show_default="default",
        ),
    ] = None,
    model: Model = None,
    data_root: DataRoot = None,
    verbalizer: Verbalizers = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="How tasks are told apart: pet, heads or cln (docs/methods.md)."
        ),
    ] = None,
    sharing: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="With heads: hard, soft, shared-private, moe, mmoe, ple, snr or cross-stitch.",
        ),
    ] = None,
    tasks: Tasks = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="Learn from this checkpoint's predictions too; several: their mean.",
        ),
    ] = None,
    override: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Output folder.", show_default="runs/NAME-1, runs/NAME-2, …"
        ),
    ] = None,
    resume: Resume = False,
    skip_bad_rows: SkipBadRows = 0,
    json_: Json = False,
) -> None:
    """Train one model on all tasks of a pattern file; write checkpoint, metrics and report."""
    from pet_mtl.atomic import require_folder
    from pet_mtl.console import say, speaks, started_together
    from pet_mtl.report.run import report_run
    from pet_mtl.stepping.interrupt import Interrupted
    from pet_mtl.storage.outputs import next_run_folder, stored_suite
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training import run

    if resume and out is None:
        raise PetMtlError("`--resume` needs the folder of the run", hint="add `--out DIR`")
    if resume and teacher:
        raise PetMtlError(
            "`--resume` goes on with what the run's teachers said when it began",
            hint="leave `--teacher` out",
        )
    if resume and out is not None and patterns is None:
        if model or data_root or verbalizer or override or method or sharing or tasks:
            raise PetMtlError(
                "`--resume` without `--patterns` goes on with the stored settings",
                hint="leave the other options out",
            )
        suite = stored_suite(out)
    else:
        suite = load_suite(
            pattern_file("default" if patterns is None else patterns),
            overrides=override or (),
            data_root=data_root,
            model=model,
            verbalizers=files_by_task("--verbalizer", verbalizer),
            method=method,
            sharing=sharing,
            only=names_of(tasks),
        )
        say_left_out(tasks, override, verbalizer)
    if out is None and started_together() > 1:  # each process would look for a free name
        raise PetMtlError("several processes need one output folder", hint="add `--out DIR`")
    folder = out or next_run_folder(suite.name)
    require_folder(folder)
    try:
        result = run.train(
            suite,
            folder,
            resume=resume,
            skip_bad_rows=skip_bad_rows,
            teachers=teacher or (),
            report=report_run,
        )
    except Interrupted as stopped:
        command = f"pet-mtl train --resume --out {in_shell(folder)}"
        raise stopped.hinted(f"go on with: {command}") from None
    if not speaks():
        return
    if json_:
        put_json(result.to_json())
    else:
        from pet_mtl.report.table import print_table, score_table

        if result.scores:
            print_table(score_table([(str(folder / "checkpoint"), result.scores)]))
    if result.samples_per_second or not resume:
        say(
            f"trained {counted(result.steps, 'step')} in {result.seconds:.0f} s "
            f"({result.samples_per_second:.0f} rows/s in the steps, {result.peak_memory_gb:.2f} GB)"
        )
    else:
        say(f"nothing was left to do: {counted(result.steps, 'step')} done before")
    say(f"checkpoint: {folder / 'checkpoint'}")
    if result.scores:
        say(f"report: {folder / 'report.html'}")
    else:
        say("note: no scores and no report: no task has dev rows (`data: {dev: …}`)")
