"""What `pet-mtl predict` does: predictions of texts and of whole files, for machines, people and
the contest."""

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pet_mtl.atomic import require_folder, sweep, write_bytes, write_text
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.given_rows import unlabelled_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, plan_for_checkpoint
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.scoring.records import PLAIN, WRITERS, Details, Predicted
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, TaskSpec

Format = Literal["jsonl", "csv", "tianchi"]
SUBMISSION = "submission.zip"


def predict_rows(
    folder: Path,
    gather: Callable[[Suite], dict[str, Rows]],
    *,
    verbalizers: Mapping[str, Path] = {},
    calibration: CalibrationChoice | None = None,
    prepare: Callable[[Mapping[str, Rows]], None] = lambda rows: None,
    processes: Processes = ALONE,
) -> dict[str, Predicted]:
    """Predict rows with a checkpoint.

    Args:
        folder: the checkpoint.
        gather: returns the rows by task, for the checkpoint's suite.
        calibration: for all tasks, instead of the one that the checkpoint stores.
        prepare: called with the rows before they are predicted.
        processes: that make this call together; each gets all predictions.

    Raises:
        PetMtlError: the checkpoint or the rows are not right.
    """
    loaded = LoadedCheckpoint(folder, verbalizers)
    rows = gather(loaded.suite)
    plan = plan_for_checkpoint(loaded.checkpoint, loaded.suite, rows, calibration)
    prepare(rows)
    loaded.calibration = plan.carry_out(partial(loaded.raw_log_probs, processes=processes))
    log_probs = loaded.log_probs(rows, title="predicting", processes=processes)
    return {
        name: Predicted(loaded.suite.tasks[name], of_task, log_probs[name])
        for name, of_task in rows.items()
    }


def predict_files(
    folder: Path,
    data: Mapping[str, str] | Callable[[Suite], dict[str, Rows]],
    out: Path,
    *,
    output: Format = "jsonl",
    verbalizers: Mapping[str, Path] = {},
    calibration: CalibrationChoice | None = None,
    details: Details = PLAIN,
    header: bool | None = None,
    processes: Processes = ALONE,
) -> list[Path]:
    """Predict the label of every row of some files and write one file a task.

    `jsonl` and `csv` hold id, label, its probability and label word (of a set its labels, of a
    number its value), and what `details` says;
    `tianchi` writes `TASK_predict.json` with `{"id", "label"}` a line and zips these files flat.
    Labels are the raw ones, rows keep their order.

    Args:
        folder: the checkpoint.
        data: files, by task; a label column and ids may be there or not. Or what gathers the rows.
        out: made where it is missing.
        calibration: for all tasks, instead of the one that the checkpoint stores.
        header: as `read_rows` has it.
        processes: that make this call together; the first one writes.

    Returns:
        The files written.

    Raises:
        PetMtlError: the checkpoint or a file is not right; nothing is written then.
    """

    def file_of(name: str) -> Path:
        return out / (f"{name}_predict.json" if output == "tianchi" else f"{name}.{output}")

    def rows_of(suite: Suite) -> dict[str, Rows]:
        rows = data(suite) if callable(data) else unlabelled_rows(suite, data, header=header)
        for name in rows if output == "tianchi" else ():
            _require_one_label(suite.tasks[name])
        return rows

    def prepare(rows: Mapping[str, Rows]) -> None:
        require_folder(out)
        for name, of_task in rows.items():
            _keep_inputs(of_task, file_of(name))
            sweep(file_of(name))

    predicted = predict_rows(
        folder,
        rows_of,
        verbalizers=verbalizers,
        calibration=calibration,
        prepare=prepare,
        processes=processes,
    )
    if not processes.first:
        return []
    texts = {file_of(name): WRITERS[output](one, details) for name, one in predicted.items()}
    for file, text in texts.items():
        write_text(file, text)
    written = list(texts)
    if output == "tianchi":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in texts.items():
                archive.writestr(file.name, text)
        write_bytes(out / SUBMISSION, packed.getvalue())
        written.append(out / SUBMISSION)
    return written


def _require_one_label(task: TaskSpec) -> None:
    """Refuse a task that the contest's files cannot hold.

    Raises:
        PetMtlError: its rows have sets or numbers.
    """
    if not kind_of(task).one_label:
        raise PetMtlError(
            f"the contest's files hold one label a row, task `{task.name}` is of the kind "
            f"`{task.kind}`",
            where="--format tianchi",
            hint="choose `--format jsonl`",
        )


def _keep_inputs(rows: Rows, output: Path) -> None:
    """Refuse to replace a file that is being predicted: its texts and labels would be lost.

    Raises:
        PetMtlError: the output file is an input file.
    """
    for path in {segment.path for segment in rows.sources.segments}:
        if output.exists() and Path(path).exists() and output.samefile(path):
            raise PetMtlError(
                "the predictions would replace this input file",
                where=path,
                hint="choose another folder with `--out DIR`",
            )
