"""The proposed pattern file and verbalizer as text, commented for the person who edits them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pet_mtl.proposal.label_words import ProposedWord
from pet_mtl.proposal.slots import ProposedSlots
from pet_mtl.suite.kind import KINDS
from pet_mtl.suite.label_lines import format_field
from pet_mtl.text import counted

SPLIT = 0.1
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


@dataclass(frozen=True)
class PatternFile:
    """What goes into the file.

    Attributes:
        columns: field to column: the texts, `label`, perhaps `id`.
        data: the data file, as the pattern file names it.
        split: whether a share of the rows can be held out.
        train: settings, each with the reason for its value.
        kind: keys of a kind of its own, each with a comment.
    """

    task: str
    model: str
    prefix: str
    pattern: str
    verbalizer: str
    columns: Mapping[str, int | str]
    data: str
    split: bool
    train: Mapping[str, tuple[int | str, str]]
    found: str
    slots: ProposedSlots
    kind: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def text(self) -> str:
        """Return the YAML."""
        columns = ", ".join(
            f"{name}: {yaml_value(column)}" for name, column in self.columns.items()
        )
        dev = f"dev: {{split: {SPLIT}}}"
        settings = [f"  {name}: {value}" for name, (value, _) in self.train.items()]
        width = max(map(len, settings)) + 2
        reasons = [reason for _, reason in self.train.values()]
        model = yaml_value(self.model)
        kind, _ = self.kind.get("kind", ("classification", ""))
        metrics = KINDS[kind].metrics
        others = " or ".join(metrics[1:])
        lines = [
            f"# Proposed by `pet-mtl init`: {self.found}.",
            (
                "# Edit what does not fit; every key is explained in the patterns/default.yaml of "
                "pet_mtl."
            ),
            "#",
            f"#   pet-mtl train --patterns {self.task}.yaml",
            "",
            "version: 1                 # of this file format",
            f"model: {model:<19} # an embedded backbone, a folder, or a hub name",
            "",
            "tasks:                     # one or more; they are trained together in one model",
            f"  {yaml_value(self.task) + ':':<24} # results are reported under this name",
            *(f"    {k + ': ' + v:<22} # {why}" for k, (v, why) in self.kind.items()),
            (
                "    # Written before every row: tells the model which task a row belongs "
                "to, where there are several."
            ),
            f"    prefix: {yaml_value(self.prefix)}",
            "    # `{mask}` is where the label word goes, the other braces are columns.",
            f"    patterns: {yaml_value(self.pattern)}",
            "    # The label words, one label a line: look at them before anything else.",
            f"    verbalizer: {yaml_value(self.verbalizer)}",
            (
                "    # Where the fields are: positions from 0 without a header, names for "
                "a header or JSON keys."
            ),
            f"    columns: {{{columns}}}",
            (
                "    # `dev` holds a tenth of the rows out, by text; it may be a file of its own. "
                "`test` is optional."
            )
            if self.split
            else (
                "    # No dev rows: no label has two texts. With more rows: dev: {split: 0.1}, "
                "or a file."
            ),
            f"    data: {{train: {yaml_value(self.data)}{', ' + dev if self.split else ''}}}",
            f"    metric: {metrics[0]:<16} # or {others}: what the best checkpoint is chosen by",
            *self._slots(),
            "",
            "train:                     # `-s train.epochs=5` sets a key for one run",
            *(
                f"{setting:<{width}}# {reason}"
                for setting, reason in zip(settings, reasons, strict=True)
            ),
        ]
        return "\n".join(lines) + "\n"

    def _slots(self) -> list[str]:
        """Return the lines of `slots:`, none where it stays `exact`."""
        if self.slots.slots == "exact":
            return []
        line = self.slots.line()
        return [
            f"    # {line[0].upper()}{line[1:]}.",
            f"    slots: {self.slots.slots:<17} # so many prompts at the most; `shared` is one, "
            "`exact` is for scores",
            f"    {'':<24} # before training",
        ]


def verbalizer_text(
    words: Mapping[str, ProposedWord], counts: Mapping[str, int], *, numbers: bool = False
) -> str:
    """Return the verbalizer file; the comment of a guessed word says so.

    Args:
        numbers: the labels are the ends of the scale on which the rows' numbers lie.
    """
    lines = [
        "# A line is: an end of the range, the low one first, then its label words."
        if numbers
        else (
            "# A line is: the label as it stands in the data, then its label words; the "
            "first is the main one."
        ),
        "# Good words are short, and likely where the pattern has its mask.",
    ]
    if any(word.guess for word in words.values()):
        lines.append(
            "# GUESS marks words that were taken from the rows of a label: put in better ones."
        )
    fields = {
        label: (format_field(label), format_field(word.word)) for label, word in words.items()
    }
    label_width, word_width = (max(len(pair[i]) for pair in fields.values()) for i in (0, 1))
    for label, (name, word) in fields.items():
        rows = counted(counts[label], "row") + (" nearer to it" if numbers else "")
        mark = "GUESS, " if words[label].guess else ""
        mark += f"taken for {words[label].meaning}, " if words[label].meaning else ""
        lines.append(f"{name:<{label_width}}  {word:<{word_width}}  # {mark}{rows}")
    return "\n".join(lines) + "\n"


def yaml_value(value: int | str) -> str:
    """Return a YAML scalar; text that is more than a plain word in double quotes, whatever it
    holds."""
    plain = (
        isinstance(value, str)
        and _PLAIN.fullmatch(value)
        and value.lower() not in ("true", "false", "null")
    )
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
