"""What calibration changed, as a table for the terminal."""

from typing import TYPE_CHECKING

from pet_mtl.report.table import titled_table

if TYPE_CHECKING:
    from rich.table import Table

    from pet_mtl.scoring.checkpoint_scores import CheckpointScore


def calibration_table(score: "CheckpointScore", *, several: bool) -> "Table":
    """Lay out macro-F1 before and after calibration; `several` models are told apart by their
    paths."""
    from rich.text import Text

    table = titled_table("calibration" + (f"  {score.path}" if several else ""))
    for name in ("task", "kind"):
        table.add_column(name, overflow="fold")
    for name in ("macro-F1 before", "after", "difference", "accuracy before", "after"):
        table.add_column(name, justify="right")
    for name, calibrated in score.calibrated.items():
        before, after = calibrated.before.summary(), score.tasks[name].summary()
        table.add_row(
            Text(name),
            calibrated.kind,
            f"{before['macro_f1']:.4f}",
            f"{after['macro_f1']:.4f}",
            f"{after['macro_f1'] - before['macro_f1']:+.4f}",
            f"{before['accuracy']:.4f}",
            f"{after['accuracy']:.4f}",
        )
    return table
