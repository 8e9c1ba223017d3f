"""Predictions as records and as text: JSON lines, csv, tsv, the contest's lines, lines for
people."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pet_mtl.data.delimited_rows import quoted_text
from pet_mtl.data.rows import Rows
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.kind import set_text
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import one_line


@dataclass(frozen=True)
class Details:
    """What stands beside a row's predicted label.

    Attributes:
        top: the likeliest labels that are listed, 1 for none but the predicted one.
        probabilities: those of all labels.
        text: the row's texts.
    """

    top: int = 1
    probabilities: bool = False
    text: bool = False


PLAIN = Details()
_NESTED = ("top", "probabilities", "text")
_BREAKS = re.compile(r"\r\n|[\t\r\n]")
_BESIDE = ("id", "uncertainty", *_NESTED)
_FOR_PEOPLE = ("label", "word", "probability")


@dataclass(frozen=True)
class Predicted:
    """Rows of one task and their label log-probabilities `[rows, K]`; of ranked rows also how
    unsure the model is, `[rows]`."""

    task: TaskSpec
    rows: Rows
    log_probs: FloatArray
    uncertainty: FloatArray | None = None

    def records(self, details: Details = PLAIN) -> Iterator[dict[str, Any]]:
        """Yield a record a row: `id`, what the task's kind says of it (`label`, raw, and its
        `probability`), the label's main `word`, of ranked rows the `uncertainty`; with `details`
        also `top`, `probabilities` and `text` (a mapping where there are several)."""
        kind, verbalizer = kind_of(self.task), self.task.verbalizer
        labels = kind.spec.labels
        words = dict(zip(verbalizer.labels, (each[0] for each in verbalizer.words), strict=True))
        listed = details.top > 1
        asked = listed or details.probabilities  # of many labels they take most of the time
        probabilities = kind.probabilities(self.log_probs) if asked else self.log_probs[:, :0]
        order = np.argsort(-probabilities, axis=-1, kind="stable")[:, : details.top]
        ids, fields = self.rows.ids.to_pylist(), self.task.fields
        for row, cells in enumerate(kind.cells(self.log_probs)):
            record = {"id": ids[row], **{name: _rounded(cell) for name, cell in cells.items()}}
            if cells.get("label") in words:
                record["word"] = words[cells["label"]]
            if self.uncertainty is not None:
                record["uncertainty"] = round(float(self.uncertainty[row]), 6)
            of_row = dict(zip(labels, map(_rounded, probabilities[row].tolist()), strict=False))
            if listed:
                record["top"] = [
                    {
                        "label": labels[label],
                        "probability": of_row[labels[label]],
                        "word": words[labels[label]],
                    }
                    for label in order[row].tolist()
                ]
            if details.probabilities:
                record["probabilities"] = of_row
            if details.text:
                texts = self.rows.text(row)
                record["text"] = texts[fields[0]] if len(fields) == 1 else texts
            yield record


def _rounded(cell: Any) -> Any:
    if isinstance(cell, dict):
        return {name: _rounded(inner) for name, inner in cell.items()}
    return round(cell, 6) if isinstance(cell, float) else cell


def jsonl_text(predicted: Predicted, details: Details, first: bool = True) -> str:
    """Return a JSON object a line."""
    return "".join(
        json.dumps(record, ensure_ascii=False) + "\n" for record in predicted.records(details)
    )


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as the cells of a table: `label_2`, `probability_2`, `word_2` are the next in
    order (from `label_1` on where the record itself has no label, but a set or a number),
    `p_LABEL` the probabilities, `text_FIELD` the texts of a task with several."""
    cells = {name: cell for name, cell in record.items() if name not in _NESTED}
    first = 1 if "label" in record else 0
    for rank, one in enumerate(record.get("top", [])[first:], start=first + 1):
        cells |= {f"{name}_{rank}": cell for name, cell in one.items()}
    cells |= {f"p_{label}": p for label, p in record.get("probabilities", {}).items()}
    text = record.get("text", {})
    if isinstance(text, str):
        return cells | {"text": text}
    return cells | {f"text_{field}": each for field, each in text.items()}


def csv_text(predicted: Predicted, details: Details, first: bool = True) -> str:
    """Return comma-separated values, with a header where they are the `first` of a file; see `flat`
    for the columns."""
    return quoted_text(_table(predicted, details, first))


def tsv_text(predicted: Predicted, details: Details, first: bool = True) -> str:
    """Return the table of `csv_text` with tabs between the cells; quotes are text, and tabs and
    line ends in a cell become spaces."""
    return "".join(
        "\t".join(" ".join(_BREAKS.split(str(cell))) for cell in row) + "\n"
        for row in _table(predicted, details, first)
    )


def _table(predicted: Predicted, details: Details, header: bool) -> Iterator[list[Any]]:
    for number, record in enumerate(predicted.records(details)):
        cells = flat(record)
        if header and not number:
            yield list(cells)
        yield [_text(cell, predicted.task) for cell in cells.values()]


def _text(cell: Any, task: TaskSpec) -> Any:
    """Return a cell of a table; a set as `set_text`, `[]` where it is empty."""
    if isinstance(cell, list):
        return set_text(cell, task.verbalizer.labels, task.separator) or "[]"
    return f"{cell:.6f}" if isinstance(cell, float) else cell


def tianchi_text(predicted: Predicted, details: Details, first: bool = True) -> str:
    """Return the contest's lines, id and label alone."""
    return "".join(
        json.dumps({"id": record["id"], "label": record["label"]}, ensure_ascii=False) + "\n"
        for record in predicted.records()
    )


WRITERS: dict[str, Callable[[Predicted, Details, bool], str]] = {
    "jsonl": jsonl_text,
    "csv": csv_text,
    "tsv": tsv_text,
    "tianchi": tianchi_text,
}


def lines_for_people(predicted: Predicted, details: Details) -> Iterator[str]:
    """Yield a line a row, tabs between: label, label word, probability, those of the next labels,
    of ranked rows the uncertainty, and at the end the texts."""
    top = len(predicted.task.verbalizer.labels) if details.probabilities else details.top
    for record in predicted.records(Details(top, text=details.text)):
        ranked = record.get("top") or [
            {name: cell for name, cell in record.items() if name not in _BESIDE}
        ]
        cells: list[Any] = [one[name] for one in ranked for name in sorted(one, key=_place)]
        cells += [record["uncertainty"]] if "uncertainty" in record else []
        if details.text:
            text = record["text"]
            cells += [text] if isinstance(text, str) else text.values()
        yield "\t".join(
            _shown(_text(c, predicted.task) if isinstance(c, list) else c) for c in cells
        )


def _place(name: str) -> int:
    return _FOR_PEOPLE.index(name) if name in _FOR_PEOPLE else len(_FOR_PEOPLE)


def _shown(cell: Any) -> str:
    text = f"{cell:.4f}" if isinstance(cell, float) else str(cell)
    return one_line(text).replace("\t", " ")
