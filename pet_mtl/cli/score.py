"""`pet-mtl score`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import DataRoot, Json, SkipBadRows, Verbalizers, by_task, files_by_task


def score(
    checkpoints: Annotated[list[Path], typer.Argument(metavar="CHECKPOINT...", help="Checkpoint folders.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=FILE", help="Rows to score, instead of the dev rows of all tasks."),
    ] = None,
    verbalizer: Verbalizers = None,
    data_root: DataRoot = None,
    skip_bad_rows: SkipBadRows = 0,
    labels: Annotated[bool, typer.Option("--labels", help="Show precision, recall and F1 of each label.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse rows that a checkpoint was trained on.")] = False,
    json_: Json = False,
) -> None:
    """Score checkpoints side by side: accuracy, macro-F1 with its 95 % interval, per-label scores."""
    from pet_mtl.model.hardware import keep_freed_memory

    keep_freed_memory()
    from pet_mtl.scoring.score import score_checkpoints

    scores = score_checkpoints(
        checkpoints,
        data=by_task("--data", data),
        verbalizers=files_by_task("--verbalizer", verbalizer),
        data_root=data_root,
        skip_bad_rows=skip_bad_rows,
        strict=strict,
    )
    if json_:
        typer.echo(json.dumps({"checkpoints": [one.to_json() for one in scores]}, ensure_ascii=False))
        return
    from pet_mtl.report.table import per_label_table, print_table, score_table

    print_table(score_table([(one.path, one.tasks) for one in scores]))
    if labels:
        for one in scores:
            for name, task in one.tasks.items():
                print_table(
                    per_label_table(f"{name}  {one.path}" if len(scores) > 1 else name, task, one.main_words[name])
                )
