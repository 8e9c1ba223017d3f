"""A checkpoint as a Python object."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Prediction, kind_of
from pet_mtl.scoring.loaded import LoadedCheckpoint, require_task
from pet_mtl.suite.task import TaskSpec

Row = str | Mapping[str, str]


class Predictor:
    """Predict labels with a checkpoint; several threads may ask one predictor at once.

    Args:
        folder: a checkpoint folder.

    Raises:
        PetMtlError: no checkpoint, one of a newer format, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = LoadedCheckpoint(folder)
        _ = self._loaded.model  # built now, not in the time of the first rows

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that the checkpoint knows."""
        return tuple(self._loaded.suite.tasks)

    def predict(self, rows: Sequence[Row], task: str | None = None) -> list[Prediction]:
        """Predict the labels of rows of one task.

        Args:
            rows: for a task with one field, texts; for any task, mappings from field to text.
            task: may be left out where the rows fit one task only.

        Returns:
            One prediction a row, in their order.

        Raises:
            PetMtlError: an unknown task, rows that lack a field, or a task that cannot be told from
                the rows.
        """
        if isinstance(rows, str | Mapping):  # a text is a sequence of texts, too
            raise PetMtlError(
                (f"`rows` is one {'text' if isinstance(rows, str) else 'row'}, not a list of rows"),
                hint="put it in a list: `predict([row])`",
            )
        if not rows:
            return []
        spec = self._spec(rows[0], task)
        columns: dict[str, list[str]] = {name: [] for name in spec.fields}
        for number, row in enumerate(rows):
            fields = (
                {spec.fields[0]: row} if isinstance(row, str) and len(spec.fields) == 1 else row
            )
            for name, column in columns.items():
                value = fields.get(name) if isinstance(fields, Mapping) else None
                if not isinstance(value, str):
                    raise PetMtlError(
                        f"row {number} gives no text for the field `{name}`",
                        hint=(
                            f"task `{spec.name}` takes rows such as "
                            f"{dict.fromkeys(spec.fields, '…')}"
                        ),
                    )
                column.append(value)
        log_probs = self._loaded.log_probs({spec.name: Rows.of(columns)}, title="predicting")[
            spec.name
        ]
        return kind_of(spec).predictions(log_probs)

    def _spec(self, row: Row, task: str | None) -> TaskSpec:
        suite = self._loaded.suite
        if task is not None:
            return require_task(suite, task, "predict")
        fitting = [
            spec
            for spec in suite.tasks.values()
            if (
                len(spec.fields) == 1
                if isinstance(row, str)
                else isinstance(row, Mapping) and set(spec.fields) <= set(row)
            )
        ]
        if len(fitting) == 1:
            return fitting[0]
        names = ", ".join(spec.name for spec in fitting) or "none"
        raise PetMtlError(
            f"the task cannot be told from the rows (fitting tasks: {names})",
            hint=f"name it: `predict(rows, task={next(iter(suite.tasks))!r})`",
        )
