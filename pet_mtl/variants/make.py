"""Files of rows without labels, made out of the training rows of tasks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pet_mtl.atomic import new_folder, require_new_folder
from pet_mtl.console import say
from pet_mtl.data.delimited_rows import quoted_text
from pet_mtl.data.readers import read_rows
from pet_mtl.data.suite_data import load_train
from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.random_streams import RECOMBINED_TEXTS, VARIED_TEXTS
from pet_mtl.storage.pretrained import load_masked_lm, load_pieces, suite_model
from pet_mtl.suite.row_texts import ID_COLUMN
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec, TaskSpec
from pet_mtl.variants.recombine import recombine
from pet_mtl.variants.vary import Varier

Texts = tuple[str, ...]


@dataclass(frozen=True)
class VariantsSettings:
    """How many rows are made, and how.

    Attributes:
        copies: of each training row; the first varies its last text, the next the one before.
        rate: share of a text's pieces that are replaced.
        recombined: at most so many rows of each task of two texts: different second texts that
            stand beside the same first one.
        seed: decides everything that is drawn.
    """

    copies: int = 1
    rate: float = 0.2
    recombined: int = 0
    seed: int = 42


def write_variants(suite: Suite, out: Path, settings: VariantsSettings) -> dict[str, int]:
    """Write for each task a csv file that its `unlabelled:` may name; return the rows by task.

    No row is written twice, none is a training row, and dev and test rows have no part in any.

    Args:
        suite: its model varies the texts.
        out: a new folder, which appears when it is whole.

    Raises:
        PetMtlError: the data are not right, the folder holds something, or the model is no masked
            language model.
    """
    require_new_folder(out)
    split = [name for name, task in suite.tasks.items() if isinstance(task.data.dev, SplitSpec)]
    if split:
        say(
            f"note: `train.seed: {suite.train.seed}` decides which rows of {', '.join(split)} are "
            "dev rows: train with the same, or made rows are near to dev rows"
        )
    rows = {name: _training_rows(task, suite) for name, task in suite.tasks.items()}
    varier = _varier(suite) if settings.copies else None
    written: dict[str, int] = {}
    with new_folder(out, replace=False) as folder:
        for name, task in suite.tasks.items():
            made = [*_recombined(rows[name], name, settings)]
            if varier is not None:
                made += _varied(varier, rows[name], name, settings)
            known = set(rows[name])
            new = [texts for texts in dict.fromkeys(made) if texts not in known]
            written[name] = _write_rows(folder / f"{name}.csv", task, new)
    return written


def _write_rows(file: Path, task: TaskSpec, rows: Sequence[Texts]) -> int:
    """Write a file that is read back as these rows, and return how many it has: none where each of
    them would be misread in the first line of a file without a header."""
    ordered = [*rows]
    if rows and not _has_header(task):
        # the first line says what separates the columns, and may be taken for a header
        first = next((n for n, texts in enumerate(rows) if _reads_back(file, task, texts)), None)
        if first is None:
            say(
                f"note: {task.name}: {len(rows)} made rows are left out: each, at the start of a "
                "file without a header, would be misread (a tab before a line end, a column's name)"
            )
            ordered = []
        else:
            ordered.insert(0, ordered.pop(first))
    file.write_bytes(_file_text(task, ordered).encode())
    return len(ordered)


def _reads_back(file: Path, task: TaskSpec, texts: Texts) -> bool:
    file.write_bytes(_file_text(task, [texts]).encode())
    try:
        rows, _ = read_rows(file.name, task, base=file.parent, labelled=False)
    except PetMtlError:
        return False
    return len(rows) == 1 and tuple(rows.text(0).values()) == texts


def _training_rows(task: TaskSpec, suite: Suite) -> list[Texts]:
    """Return the texts of the training rows; no other file is read: one may name what is not made
    yet."""
    rows = load_train(task, Path(suite.base), suite.train.seed)
    return list(zip(*(rows.fields[field].to_pylist() for field in task.fields), strict=True))


def _varier(suite: Suite) -> Varier:
    folder = suite_model(suite)
    tokenizer = load_pieces(folder)
    machine = Machine.choose()
    mlm = load_masked_lm(folder, attention=machine.attention.value)
    machine = machine.for_model(mlm)
    return Varier(Backbone(mlm, machine.attention.value), tokenizer, machine)


def _recombined(rows: Sequence[Texts], name: str, settings: VariantsSettings) -> Iterator[Texts]:
    if settings.recombined and rows and len(rows[0]) == 2:
        rng = RECOMBINED_TEXTS.generator(f"{settings.seed} {name}")
        yield from recombine([(first, second) for first, second in rows], settings.recombined, rng)


def _varied(
    varier: Varier, rows: Sequence[Texts], name: str, settings: VariantsSettings
) -> Iterator[Texts]:
    for copy in range(settings.copies):
        field = -(copy % len(rows[0])) - 1
        generator = VARIED_TEXTS.generator(settings.seed, copy, *name.encode())
        texts = varier.vary(rows, field, settings.rate, generator, f"{name}, copy {copy + 1}")
        for row, text in zip(rows, texts, strict=True):
            if text is not None:
                varied = list(row)
                varied[field] = text
                yield tuple(varied)


def _has_header(task: TaskSpec) -> bool:
    return any(isinstance(column, str) for column in task.columns.values())


def _file_text(task: TaskSpec, rows: Sequence[Texts]) -> str:
    """Return rows as comma-separated values in the task's own columns: by name behind a header, or
    by position, other columns empty."""
    with_ids = ID_COLUMN in task.columns
    filled = [task.columns[name] for name in (ID_COLUMN, *task.fields) if name in task.columns]
    lines = [(f"made-{n}", *texts) if with_ids else texts for n, texts in enumerate(rows)]
    if _has_header(task):
        return quoted_text([filled, *lines])
    where = {int(position): number for number, position in enumerate(filled)}
    width = 1 + max(map(int, task.columns.values()))
    return quoted_text(
        [line[where[position]] if position in where else "" for position in range(width)]
        for line in lines
    )
