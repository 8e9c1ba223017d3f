"""The scores of each pattern, as a table for the terminal."""

from typing import TYPE_CHECKING

from pet_mtl.metrics.score import figure_title
from pet_mtl.report.table import titled_table

if TYPE_CHECKING:
    from rich.table import Table

    from pet_mtl.scoring.checkpoint_scores import CheckpointScore


def pattern_table(score: "CheckpointScore", *, several: bool) -> "Table":
    """Lay out each pattern's scores without calibration; `several` models are told apart by their
    paths."""
    from rich.text import Text

    table = titled_table(
        "patterns, each without calibration" + (f"  {score.path}" if several else "")
    )
    for name in ("task", "pattern"):
        table.add_column(name, overflow="fold")
    each = [one.summary() for task in score.patterns.values() for one in task.scores]
    figures = list(dict.fromkeys(name for summary in each for name in summary))
    for figure in figures:
        table.add_column(figure_title(figure), justify="right")

    def row(task: str, pattern: str, values: dict[str, float]) -> None:
        cells = (f"{values[name]:.4f}" if name in values else "–" for name in figures)
        table.add_row(Text(task), Text(pattern), *cells)

    for name, task in score.patterns.items():
        for pattern, one in zip(task.patterns, task.scores, strict=True):
            row(name, pattern, one.summary())
        row(name, "spread", {figure: task.spread(figure) for figure in task.scores[0].summary()})
    return table
