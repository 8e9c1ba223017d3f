"""What a report shows of one task's scored rows, of any kind."""

import numpy as np

from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import Score
from pet_mtl.report.data import ModelView, TaskCurves, TaskReport, worst_confusions
from pet_mtl.report.mistakes import worst_sets
from pet_mtl.report.places import short_place
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.task import TaskSpec

POINTS = 500  # rows of a task with numbers
MOST_CONFUSIONS = 200  # whose rows are kept for the cells of the matrix


def task_report(
    task: TaskSpec,
    rows: Rows,
    log_probs: FloatArray,
    score: Score,
    base: str,
    *,
    curves: TaskCurves | None = None,
    view: ModelView | None = None,
) -> TaskReport:
    """Gather what is shown of a task.

    Args:
        log_probs: `[rows, K]`.
        score: of these predictions.
        base: where the suite's relative paths start.
    """
    kind, labels = kind_of(task), list(task.verbalizer.labels)
    decided = kind.decide(log_probs)

    def text(row: int) -> str:
        return row_text(rows, row)

    def where(row: int) -> str:
        return short_place(rows.where(row), base)

    if kind.one_label:
        confusions = worst_confusions(
            rows.labels,
            decided,
            kind.probabilities(log_probs),
            text,
            labels,
            MOST_CONFUSIONS,
            where=where,
        )
    else:
        confusions = worst_sets(kind, rows.gold, log_probs, text, where)
    points: list[tuple[float, float]] = []
    if kind.spec.facts.target == "number":
        some = np.linspace(0, len(decided) - 1, min(len(decided), POINTS)).astype(int)
        points = list(zip(rows.gold[some].tolist(), decided[some].tolist(), strict=True))
    return TaskReport(
        task.name,
        task.description,
        labels,
        [words[0] for words in task.verbalizer.words],
        score,
        curves or TaskCurves(),
        confusions,
        view,
        points,
        kind.spec.range,
    )


def row_text(rows: Rows, row: int) -> str:
    """Return a row's texts on one line."""
    return "  ｜  ".join(rows.text(row).values())
