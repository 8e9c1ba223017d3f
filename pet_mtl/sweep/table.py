"""The best trials of a sweep as a table for the terminal."""

from pet_mtl.report.table import print_table
from pet_mtl.sweep.page import shown
from pet_mtl.sweep.result import SweepResult, setting_names

MOST = 10


def print_result(result: SweepResult) -> None:
    """Print the best trials, and how much each setting mattered."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    ended = result.ranked
    names = setting_names(ended)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("trial", "score", *names):
        share = f"\n{result.importance[name]:.0%}" if name in result.importance else ""
        table.add_column(Text(f"{name}{share}"), overflow="fold")
    for trial in ended[:MOST]:
        cells = [shown(trial.settings.get(name, "–")) for name in names]
        table.add_row(*map(Text, (str(trial.number + 1), f"{trial.score:.4f}", *cells)))
    print_table(table)
