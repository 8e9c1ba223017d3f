"""Say when the rows to score are rows that the model was trained on, its pre-training on task text
included."""

from collections.abc import Mapping
from pathlib import Path

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.table import SHOWN
from pet_mtl.errors import ProblemList
from pet_mtl.storage.checkpoint import fields_by_task
from pet_mtl.storage.trained_on import TRAINED_ON, read_trained_on, rows_seen


def guard_rows(folder: Path, rows: Mapping[str, Rows], *, strict: bool) -> None:
    """Warn of scored rows that were trained on, with their number and an example; `strict` refuses
    them.

    A row is known by its task and its normalised text. A model that does not say what it was
    trained on passes.

    Raises:
        PetMtlError: `strict`, with the first rows of each task.
    """
    trained = read_trained_on(folder)
    if trained is None:
        if strict:
            say(f"note: {folder} does not say what it was trained on")
        return
    problems, warned, fields = ProblemList(), False, fields_by_task(folder)
    for name, of_task in rows.items():
        if name not in trained:
            continue
        seen = rows_seen(of_task, trained[name], fields.get(name, ())).tolist()
        if not seen:
            continue
        count = f"{name}: {len(seen):,} of {len(of_task):,} rows to score were trained on"
        if not strict:
            text = next(iter(of_task.text(seen[0]).values()))
            say(
                f"warning: {count}, scores flatter the model ({of_task.where(seen[0])} "
                f'"{text[:30]}", …)'
            )
            warned = True
            continue
        problems.add(
            count,
            where=str(folder),
            hint="give other rows with `--data`, or leave `--strict` out",
        )
        for row in seen[:SHOWN]:
            problems.add("the model was trained on this text", where=of_task.where(row))
        if len(seen) > SHOWN:
            problems.add(f"and {len(seen) - SHOWN:,} more rows of `{name}`")
    problems.raise_if_any()
    if warned:
        say(
            f"  hint: {folder / TRAINED_ON} has their hashes; if `dev: {{split: …}}` chose them, "
            "keep the `train.seed` of the earlier training; or give other rows"
        )
