"""`pet-mtl score`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    Calibration,
    DataRoot,
    Json,
    Overrides,
    SkipBadRows,
    Verbalizers,
    by_task,
    calibration_choice,
    files_by_task,
    pattern_file,
    require_patterns,
)
from pet_mtl.console import put_json


class Engine(StrEnum):
    """What computes the scores."""

    PET_MTL = "pet-mtl"
    OPENPROMPT = "openprompt"


def score(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT", help="Checkpoint folders; with `--patterns`, any models to try."
        ),
    ],
    patterns: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Score models on the tasks of this pattern file without training.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=FILE", help="Rows to score, instead of the dev rows of all tasks."
        ),
    ] = None,
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    data_root: DataRoot = None,
    override: Overrides = None,
    skip_bad_rows: SkipBadRows = 0,
    labels: Annotated[
        bool, typer.Option("--labels", help="Show precision, recall and F1 of each label.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows that a model was trained on.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page too: scores side by side, confusions, labels, rows.",
        ),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="What computes the scores.")] = Engine.PET_MTL,
    json_: Json = False,
) -> None:
    """Score checkpoints side by side: accuracy, macro-F1 with its interval, per-label scores."""
    choice, files = calibration_choice(calibration), files_by_task("--verbalizer", verbalizer)
    require_patterns(patterns, override)
    from pet_mtl.scoring.checkpoint_scores import score_checkpoints, score_models
    from pet_mtl.scoring.given_rows import say_idle_words
    from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel
    from pet_mtl.scoring.processes import join_processes
    from pet_mtl.suite.suite import load_suite

    of_checkpoint, of_model = LoadedCheckpoint, LoadedModel
    if engine is Engine.OPENPROMPT:
        from pet_mtl.compat.openprompt import openprompt_engine

        of_checkpoint, of_model = openprompt_engine()
    rows, processes = by_task("--data", data), join_processes()
    if report is not None:
        from pet_mtl.report.scored import require_report

        require_report(report)
    if patterns is None:
        scores = score_checkpoints(
            [Path(folder) for folder in checkpoints],
            data=rows,
            verbalizers=files,
            data_root=data_root,
            skip_bad_rows=skip_bad_rows,
            strict=strict,
            calibration=choice,
            processes=processes,
            keep=report is not None,
            load=of_checkpoint,
        )
    else:
        suite = load_suite(
            pattern_file(patterns), overrides=override or (), data_root=data_root, verbalizers=files
        )
        if rows:
            say_idle_words(files, suite, rows)
        scores = score_models(
            checkpoints,
            suite,
            data=rows,
            skip_bad_rows=skip_bad_rows,
            strict=strict,
            calibration=choice,
            processes=processes,
            keep=report is not None,
            load=of_model,
        )
    if not processes.first:
        return
    if report is not None:
        from pet_mtl.console import say
        from pet_mtl.report.scored import write_score_report

        write_score_report(report, scores)
        say(f"report: {report}")
    if json_:
        put_json({"checkpoints": [one.to_json() for one in scores]})
        return
    from pet_mtl.report.calibration_table import calibration_table
    from pet_mtl.report.pattern_table import pattern_table
    from pet_mtl.report.table import per_label_table, print_table, score_table

    print_table(score_table([(one.path, one.tasks) for one in scores]))
    for one in scores:
        if one.calibrated:
            print_table(calibration_table(one, several=len(scores) > 1))
    for one in scores:
        if one.patterns:
            print_table(pattern_table(one, several=len(scores) > 1))
    if labels:
        for one in scores:
            for name, task in one.tasks.items():
                if not task.per_label:  # a number is no label
                    continue
                print_table(
                    per_label_table(
                        f"{name}  {one.path}" if len(scores) > 1 else name,
                        task,
                        one.main_words[name],
                    )
                )
