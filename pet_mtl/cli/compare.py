"""`pet-mtl compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pet_mtl.cli.options import DataRoot, Json, Model, Overrides, PatternFile, pattern_file
from pet_mtl.console import put_json
from pet_mtl.text import counted, same_command

if TYPE_CHECKING:
    from pet_mtl.suite.suite import Suite

FEW_SHOT_STEPS = 100
SEEDS = 5


def compare(
    patterns: PatternFile = "default",
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Methods, perhaps with options: pet,heads:features=mean:sharing=ple",
        ),
    ] = "pet,heads,cln",
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Train each method with N seeds.")
    ] = SEEDS,
    shots: Annotated[
        str, typer.Option(metavar="LIST", help="Training rows for each label: 0,8,32,128,all")
    ] = "all",
    few_shot_steps: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            metavar="N",
            help="Optimizer steps of runs on some rows of each label.",
        ),
    ] = FEW_SHOT_STEPS,
    single_task: Annotated[
        bool, typer.Option("--single-task", help="Train each task alone too.")
    ] = False,
    model: Model = None,
    data_root: DataRoot = None,
    override: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Output folder.", show_default="runs/compare-1, runs/compare-2, …"
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Train methods on the same rows and seeds; say which is better, and how sure that is.

    The same command with the same `--out` goes on where it was stopped; methods, seeds and shots
    may be added.
    """

    from pet_mtl.atomic import require_folder
    from pet_mtl.comparison.plan import read_variants
    from pet_mtl.comparison.run import Request
    from pet_mtl.comparison.run import compare as run_comparison
    from pet_mtl.comparison.shots import ALL, read_shots
    from pet_mtl.comparison.table import rich_table, sheets
    from pet_mtl.console import say
    from pet_mtl.report.table import print_table
    from pet_mtl.storage.outputs import next_run_folder
    from pet_mtl.suite.suite import load_suite

    file = pattern_file(patterns)

    def load(method: str, options: Sequence[str]) -> "Suite":
        overrides = [*(override or ()), *options]
        return load_suite(
            file, overrides=overrides, data_root=data_root, model=model, method=method
        )

    request = Request(
        read_variants(methods, load), read_shots(shots), seeds, single_task, few_shot_steps
    )
    if few_shot_steps != FEW_SHOT_STEPS and not {*request.shots} - {0, ALL}:
        say("warning: `--few-shot-steps` does nothing: `--shots` names no number of rows")
    if not {*request.shots} - {0}:
        for option, given in (("--seeds", seeds != SEEDS), ("--single-task", single_task)):
            if given:
                say(f"warning: `{option}` does nothing: `--shots 0` trains nothing")
    folder = out or next_run_folder("compare")
    require_folder(folder)
    comparison = run_comparison(request, folder)
    if json_:
        put_json({"out": str(folder), **comparison.to_json()})
    else:
        for sheet in sheets(comparison):
            print_table(rich_table(sheet))
    say(f"page: {folder / 'compare.html'}")
    if comparison.failed:
        failed = counted(len(comparison.failed), "cell")
        say(f"{failed} failed; {same_command(folder)} tries them again")
        raise typer.Exit(1)
