"""What `pet-mtl predict` does: predictions of whole files, for machines, people and the contest."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pet_mtl.atomic import require_folder, write_bytes, write_text
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.scoring.checkpoint_scores import unlabelled_rows
from pet_mtl.scoring.loaded import LoadedCheckpoint, plan_for_checkpoint
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import CalibrationChoice

Format = Literal["jsonl", "csv", "tianchi"]
SUBMISSION = "submission.zip"


def predict_files(
    folder: Path,
    data: Mapping[str, str],
    out: Path,
    *,
    output: Format = "jsonl",
    verbalizers: Mapping[str, Path] = {},
    calibration: CalibrationChoice | None = None,
) -> list[Path]:
    """Predict the label of every row of some files and write one file a task.

    `jsonl` and `csv` hold id, label and its probability (of a set its labels and the probability
    of each, of a number the value); `tianchi` writes `TASK_predict.json` with
    `{"id", "label"}` a line and zips these files flat. Labels are the raw ones, rows keep their
    order.

    Args:
        folder: the checkpoint.
        data: the rows, by task; a label column may be there or not.
        out: made where it is missing.
        calibration: for all tasks, instead of the one that the checkpoint stores.

    Returns:
        The files written.

    Raises:
        PetMtlError: the checkpoint or a file is not right; nothing is written then.
    """
    loaded = LoadedCheckpoint(folder, verbalizers)
    rows = unlabelled_rows(loaded.suite, data)
    for name in rows if output == "tianchi" else ():
        if not kind_of(loaded.suite.tasks[name]).one_label:
            raise PetMtlError(
                f"the contest's files hold one label a row, task `{name}` is of the kind "
                f"`{loaded.suite.tasks[name].kind}`",
                where="--format tianchi",
                hint="choose `--format jsonl`",
            )
    plan = plan_for_checkpoint(loaded.checkpoint, loaded.suite, rows, calibration)
    require_folder(out)
    files = {
        name: f"{name}_predict.json" if output == "tianchi" else f"{name}.{output}" for name in rows
    }
    for name, file in files.items():
        _keep_inputs(rows[name], out / file)
    loaded.calibration = plan.carry_out(loaded.raw_log_probs)
    log_probs = loaded.log_probs(rows, title="predicting")
    texts = {}
    for name, of_task in rows.items():
        kind = kind_of(loaded.suite.tasks[name])
        texts[files[name]] = _WRITERS[output](of_task, log_probs[name], kind)
    for file, text in texts.items():
        write_text(out / file, text)
    written = [out / file for file in texts]
    if output == "tianchi":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in texts.items():
                archive.writestr(file, text)
        write_bytes(out / SUBMISSION, packed.getvalue())
        written.append(out / SUBMISSION)
    return written


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


def _cells(rows: Rows, log_probs: FloatArray, kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield the id of each row and what is predicted of it."""
    for i, cells in zip(rows.ids.to_pylist(), kind.cells(log_probs), strict=True):
        yield {"id": i, **cells}


def _line(cells: dict[str, Any]) -> str:
    return json.dumps(_rounded(cells), ensure_ascii=False) + "\n"


def _rounded(cell: Any) -> Any:
    if isinstance(cell, dict):
        return {name: _rounded(inner) for name, inner in cell.items()}
    return round(cell, 6) if isinstance(cell, float) else cell


def _text(cell: Any, kind: Kind) -> str:
    """Return a cell of a csv file: a list as text with the task's separator, a mapping as JSON."""
    if isinstance(cell, list):
        return kind.spec.separator.join(cell) or "[]"
    if isinstance(cell, dict):
        return json.dumps(_rounded(cell), ensure_ascii=False)
    return f"{cell:.6f}" if isinstance(cell, float) else str(cell)


def _jsonl(rows: Rows, log_probs: FloatArray, kind: Kind) -> str:
    return "".join(map(_line, _cells(rows, log_probs, kind)))


def _csv(rows: Rows, log_probs: FloatArray, kind: Kind) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, cells in enumerate(_cells(rows, log_probs, kind)):
        if not number:
            writer.writerow(cells)
        writer.writerow(_text(cell, kind) for cell in cells.values())
    return out.getvalue()


def _tianchi(rows: Rows, log_probs: FloatArray, kind: Kind) -> str:
    return "".join(
        _line({name: cell for name, cell in cells.items() if name in ("id", "label")})
        for cells in _cells(rows, log_probs, kind)
    )


_WRITERS = {"jsonl": _jsonl, "csv": _csv, "tianchi": _tianchi}
