"""What `pet-mtl predict` does: predictions of texts and of whole files, for machines, people and
the contest, in memory that does not grow with the rows."""

import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal

from pet_mtl.atomic import new_file, require_folder, write_errors
from pet_mtl.cloze.unreadable import row_warnings
from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.streams import BLOCK_BYTES, BLOCK_ROWS, RowStream
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.kinds import kind_of
from pet_mtl.leftovers import sweep
from pet_mtl.scoring.given_rows import unlabelled_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel, plan_for_checkpoint
from pet_mtl.scoring.prediction_writers import Writer, writer_to
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.scoring.ranking import Order, ranked_blocks
from pet_mtl.scoring.records import PLAIN, Details, Predicted
from pet_mtl.scoring.thresholds import tell_missing
from pet_mtl.scoring.zero_shot import plan_untrained
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, TaskSpec

Format = Literal["jsonl", "csv", "tsv", "parquet", "tianchi"]
SUBMISSION = "submission.zip"


def predict_blocks(
    model: Path | LoadedModel,
    gather: Callable[[Suite], dict[str, RowStream]],
    *,
    verbalizers: Mapping[str, Path] = {},
    calibration: CalibrationChoice | None = None,
    prepare: Callable[[Mapping[str, RowStream]], None] = lambda rows: None,
    processes: Processes = ALONE,
) -> Iterator[dict[str, Predicted]]:
    """Predict rows with a model, and yield the predictions of one block by task after the
    other, the rows of each task in their order.

    Args:
        model: a checkpoint's folder, or a model that was not trained on its tasks.
        gather: returns the rows by task, for the model's suite.
        verbalizers: other label words for a checkpoint's tasks.
        calibration: for all tasks, instead of the one that the checkpoint stores.
        prepare: called with the rows before they are predicted.
        processes: that make this call together; each gets all predictions.

    Raises:
        PetMtlError: the checkpoint or the rows are not right.
        RunError: a file changed while it was read.
    """
    loaded = model if isinstance(model, LoadedModel) else LoadedCheckpoint(model, verbalizers)
    streams = gather(loaded.suite)
    if isinstance(loaded, LoadedCheckpoint):
        plan = plan_for_checkpoint(loaded.checkpoint, loaded.suite, streams, calibration)
    else:
        plan = plan_untrained(loaded.suite, streams, calibration)
    tell_missing(loaded.suite, streams)
    prepare(streams)
    loaded.calibration = plan.carry_out(partial(loaded.raw_log_probs, processes=processes))
    done, total = 0, sum(stream.length for stream in streams.values())
    for block in _blocks(streams):
        if not done and not isinstance(loaded, LoadedCheckpoint):  # training has warned of its rows
            for line in row_warnings(block, loaded.tokenizer):
                say(line)
        start, done = done, done + sum(map(len, block.values()))
        title = f"predicting rows {start + 1:,} to {done:,} of {total:,}"
        log_probs = loaded.log_probs(
            block, title="predicting" if done - start == total else title, processes=processes
        )
        yield {
            name: Predicted(loaded.suite.tasks[name], rows, log_probs[name])
            for name, rows in block.items()
        }
    if done != total:
        raise RunError(
            f"there were {total:,} rows to predict, and then {done:,}: a file changed meanwhile"
        )


def _blocks(streams: Mapping[str, RowStream]) -> Iterator[dict[str, Rows]]:
    """Yield all rows, those of several tasks together where they make one block."""
    small = sum(stream.size for stream in streams.values()) < BLOCK_BYTES
    if small and sum(stream.length for stream in streams.values()) <= BLOCK_ROWS:
        yield {name: rows for name, stream in streams.items() for rows in stream.blocks()}
        return
    for name, stream in streams.items():
        for rows in stream.blocks():
            yield {name: rows}


def predict_files(
    model: Path | LoadedModel,
    data: Mapping[str, str] | Callable[[Suite], dict[str, RowStream]],
    out: Path,
    *,
    output: Format = "jsonl",
    verbalizers: Mapping[str, Path] = {},
    calibration: CalibrationChoice | None = None,
    details: Details = PLAIN,
    order: Order | None = None,
    processes: Processes = ALONE,
) -> list[Path]:
    """Predict the label of every row of some files and write one file a task.

    `jsonl`, `csv`, `tsv` and `parquet` hold id, label, its probability and label word (of a set its
    labels, of a number its value), and what `details` says;
    `tianchi` writes `TASK_predict.json` with `{"id", "label"}` a line and zips these files flat.
    Labels are the raw ones, rows keep their order. A file appears when all of it is written.

    Args:
        model: see `predict_blocks`.
        data: files, by task; a label column and ids may be there or not. Or what gathers the rows.
        out: made where it is missing.
        verbalizers, calibration: see `predict_blocks`.
        order: ranks the rows and keeps the first; None writes all in the order of the file.
        processes: that make this call together; the first one writes.

    Returns:
        The files written.

    Raises:
        PetMtlError: the checkpoint or a file is not right; nothing is written then.
    """

    def file_of(name: str) -> Path:
        return out / (f"{name}_predict.json" if output == "tianchi" else f"{name}.{output}")

    def rows_of(suite: Suite) -> dict[str, RowStream]:
        rows = data(suite) if callable(data) else unlabelled_rows(suite, data)
        for name in rows if output == "tianchi" else ():
            _check_contest(suite.tasks[name], details)
        return rows

    def prepare(rows: Mapping[str, RowStream]) -> None:
        require_folder(out)
        inputs = {path for of_task in rows.values() for path in of_task.paths}
        inputs |= set(map(str, verbalizers.values()))
        for name in rows:
            _keep_inputs(inputs, file_of(name))
        for file in (*map(file_of, rows), out / SUBMISSION):
            sweep(file)

    blocks = predict_blocks(
        model,
        rows_of,
        verbalizers=verbalizers,
        calibration=calibration,
        prepare=prepare,
        processes=processes,
    )
    writers: dict[str, Writer] = {}
    with ExitStack() as opened:  # all files appear at the end, or none
        for block in ranked_blocks(order, blocks):
            for name, predicted in block.items() if processes.first else ():
                if name not in writers:
                    file = opened.enter_context(new_file(file_of(name)))
                    writers[name] = writer_to(file_of(name), file, output, details)
                    opened.callback(writers[name].drop)
                writers[name].write(predicted)
        for writer in writers.values():
            writer.close()
    written = [file_of(name) for name in writers]
    if output == "tianchi" and written:
        _zip(out / SUBMISSION, written)
        written.append(out / SUBMISSION)
    return written


def _zip(target: Path, files: list[Path]) -> None:
    """Write an archive that holds files by their names, without folders."""
    now = time.localtime()[:6]
    with (
        new_file(target) as packed,
        write_errors(target),
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in files:
            entry = zipfile.ZipInfo(file.name, now)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr, entry.file_size = 0o600 << 16, file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as place:
                shutil.copyfileobj(source, place, 1 << 20)


def _check_contest(task: TaskSpec, details: Details) -> None:
    """Refuse what the contest's files cannot hold.

    Raises:
        PetMtlError: the task's rows have sets or numbers; details are asked for.
    """
    if details != PLAIN:
        raise PetMtlError(
            "the contest's files hold ids and labels alone",
            where="--format tianchi",
            hint="leave `--top-k`, `--probabilities` and `--echo` out, or choose `--format jsonl`",
        )
    if not kind_of(task).one_label:
        raise PetMtlError(
            f"the contest's files hold one label a row, task `{task.name}` is of the kind "
            f"`{task.kind}`",
            where="--format tianchi",
            hint="choose `--format jsonl`",
        )


def _keep_inputs(inputs: Iterable[str], output: Path) -> None:
    """Refuse to replace a file that is read, for this task or another: what it holds would be lost.

    Raises:
        PetMtlError: the output file is an input file.
    """
    for path in sorted(inputs):
        if output.exists() and Path(path).exists() and output.samefile(path):
            raise PetMtlError(
                "the predictions would replace this input file",
                where=path,
                hint="choose another folder with `--out DIR`",
            )
