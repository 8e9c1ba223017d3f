"""The scores of each pattern, as a table for the terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from pet_mtl.scoring.checkpoint_scores import CheckpointScore


def pattern_table(score: "CheckpointScore", *, several: bool) -> "Table":
    """Lay out each pattern's scores without calibration; `several` models are told apart by their
    paths."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text("patterns" + (f"  {score.path}" if several else ""))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("task", "pattern"):
        table.add_column(name, overflow="fold")
    for name in ("macro-F1", "accuracy"):
        table.add_column(name, justify="right")
    for name, task in score.patterns.items():
        for pattern, one in zip(task.patterns, task.scores, strict=True):
            table.add_row(Text(name), Text(pattern), *map("{:.4f}".format, one.summary().values()))
        spreads = map(task.spread, task.scores[0].summary())
        table.add_row(Text(name), "spread", *map("{:.4f}".format, spreads))
    return table
