"""Suggested label words as tables for the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pet_mtl.words.suggest.run import Suggestions

if TYPE_CHECKING:
    from rich.table import Table


def suggestion_table(found: Suggestions) -> "Table":
    """Lay out the suggestions of each label, the best first."""
    from rich.text import Text

    kind = ", calibrated" if found.calibrated else ""
    title = (
        f"{found.task.name}, {found.model}{kind}: macro-F1 {found.before:.4f} on "
        f"{found.rows[1]:,} held-out rows"
    )
    table = _table(title, ("label", "words", "suggestion", "change"))
    for name in ("gain", "95 %", "gain on fitting rows"):
        table.add_column(name, justify="right")
    table.add_column("found by (rank)")
    for label, own, suggestions in zip(
        found.task.verbalizer.labels, found.own, found.ranked, strict=True
    ):
        for number, each in enumerate(suggestions):
            low, high = each.interval
            table.add_row(
                Text(label if number == 0 else ""),
                Text(" ".join(found.words(own)) if number == 0 else ""),
                Text(found.candidates[each.word]),
                each.change,
                f"{each.gain:+.4f}",
                f"{low:+.4f} … {high:+.4f}",
                f"{each.fitting_gain:+.4f}",
                ", ".join(f"{name} {place}" for name, place in each.methods.items()),
                end_section=number == len(suggestions) - 1,
            )
    return table


def proposal_table(found: Suggestions) -> "Table":
    """Lay out the labels whose words the proposal changes."""
    from rich.text import Text

    low, high = found.interval
    after = (
        f"{found.before:.4f} → {found.before + found.gain:.4f} ({found.gain:+.4f} "
        f"[{low:+.4f}, {high:+.4f}])"
    )
    title = f"all changes together: macro-F1 on held-out rows {after}"
    table = _table(title, ("label", "words", "proposed"))
    for label, own, new in zip(
        found.task.verbalizer.labels, found.own, found.proposal, strict=True
    ):
        if own != new:
            table.add_row(
                Text(label), Text(" ".join(found.words(own))), Text(" ".join(found.words(new)))
            )
    return table


def _table(title: str, columns: Sequence[str]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
