"""What `pet-mtl init` found and wrote, for people and for machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.proposal.label_words import ProposedWord
from pet_mtl.proposal.slots import ProposedSlots
from pet_mtl.proposal.task_kind import TaskKind


@dataclass(frozen=True)
class Proposal:
    """What was written.

    Attributes:
        copy: a copy of the data that `train` can read, where it cannot read the file itself;
            `reason` says why.
        others: columns that could be the label, too.
        unreadable: share of the texts' pieces that say little to the model.
        warnings: for people.
    """

    patterns: Path
    verbalizer: Path
    copy: Path | None
    reason: str | None
    task: str
    form: str
    columns: Mapping[str, int | str]
    words: Mapping[str, ProposedWord]
    counts: Mapping[str, int]
    left_out: int
    slots: ProposedSlots
    kind: TaskKind
    unreadable: float = 0.0
    warnings: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "patterns": str(self.patterns),
            "verbalizer": str(self.verbalizer),
            "copy": str(self.copy) if self.copy else None,
            "reason": self.reason,
            "task": self.task,
            "form": self.form,
            "columns": dict(self.columns),
            "labels": {
                label: {"word": word.word, "guess": word.guess, "rows": self.counts[label]}
                | ({"preset": word.preset} if word.preset else {})
                for label, word in self.words.items()
            },
            "other_labels": list(self.others),
            "left_out": self.left_out,
            "slots": self.slots.to_json(),
            "unreadable": round(self.unreadable, 4),
            **self.kind.facts,
        }

    def lines(self) -> list[str]:
        """Return the proposal for people."""
        columns = ", ".join(f"{name} = {column}" for name, column in self.columns.items())
        guesses = sum(word.guess for word in self.words.values())
        lines = [
            f"found: {self.form}; {columns}",
            (
                f"labels: {len(self.words)}, "
                f"{', '.join(f'{n} → {w.word}' for n, w in list(self.words.items())[:8])}"
            )
            + (", …" if len(self.words) > 8 else ""),
        ]
        if self.others:
            more = ", …" if len(self.others) > 3 else ""
            lines.append(
                f"could be the label, too: {', '.join(f'`{n}`' for n in self.others[:3])}{more}; "
                "`--label COLUMN` chooses"
            )
        if self.kind.told:
            lines.append(self.kind.told)
        presets = dict.fromkeys(word.preset for word in self.words.values() if word.preset)
        meanings = [f"{n} = {word.meaning}" for n, word in self.words.items() if word.meaning]
        if presets:
            taken = f", taken for {', '.join(meanings)}: mend it if they mean other things"
            lines.append(f"label words for: {', '.join(presets)}{taken if meanings else ''}")
        if guesses:
            lines.append(
                f"guessed: {guesses} label words are taken from the rows; look for GUESS in "
                f"{self.verbalizer}"
            )
        if self.slots.slots != "exact":
            lines.append(
                f"slots: {self.slots.slots} prompts a row at the most: {self.slots.line()}"
            )
        if self.left_out:
            lines.append(f"left out: {self.left_out:,} rows without a label or of another form")
        if self.copy:
            lines.append(f"wrote {self.copy}: a copy of the data, because {self.reason}")
        return [*lines, f"wrote {self.verbalizer}", f"wrote {self.patterns}"]
