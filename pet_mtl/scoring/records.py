"""Predictions as records and as text: JSON lines, csv, the contest's lines, lines for people."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pet_mtl.data.rows import Rows
from pet_mtl.scoring.scorer import FloatArray
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


@dataclass(frozen=True)
class Predicted:
    """Rows of one task and their label log-probabilities `[rows, K]`."""

    task: TaskSpec
    rows: Rows
    log_probs: FloatArray

    def records(self, details: Details = PLAIN) -> Iterator[dict[str, Any]]:
        """Yield a record a row: `id`, `label` (raw), its `probability` and main label `word`; with
        `details` also `top`, `probabilities` and `text` (a mapping where there are several)."""
        labels = self.task.verbalizer.labels
        words = [of_label[0] for of_label in self.task.verbalizer.words]
        probabilities = np.exp(self.log_probs.astype(np.float64))
        order = np.argsort(-self.log_probs, axis=-1, kind="stable")[:, : max(1, details.top)]
        ids = self.rows.ids.to_pylist()
        fields = self.task.fields
        for row, (best, of_row) in enumerate(zip(order.tolist(), probabilities, strict=True)):
            ranked = [
                {
                    "label": labels[label],
                    "probability": round(float(of_row[label]), 6),
                    "word": words[label],
                }
                for label in best
            ]
            record = {"id": ids[row], **ranked[0]}
            if details.top > 1:
                record["top"] = ranked
            if details.probabilities:
                record["probabilities"] = {
                    label: round(p, 6) for label, p in zip(labels, of_row.tolist(), strict=True)
                }
            if details.text:
                texts = self.rows.text(row)
                record["text"] = texts[fields[0]] if len(fields) == 1 else texts
            yield record


def jsonl_text(predicted: Predicted, details: Details) -> str:
    """Return a JSON object a line."""
    return "".join(
        json.dumps(record, ensure_ascii=False) + "\n" for record in predicted.records(details)
    )


def csv_text(predicted: Predicted, details: Details) -> str:
    """Return comma-separated values with a header: `label_2`, `word_2`, … are the next in order,
    `p_LABEL` are the probabilities, `text_FIELD` the texts of a task with several."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    labels, fields = predicted.task.verbalizer.labels, predicted.task.fields
    names = ["label", "probability", "word"]
    ranks = range(2, min(details.top, len(labels)) + 1)
    header = ["id", *names, *(f"{name}_{rank}" for rank in ranks for name in names)]
    if details.probabilities:
        header += [f"p_{label}" for label in labels]
    if details.text:
        header += ["text"] if len(fields) == 1 else [f"text_{field}" for field in fields]
    writer.writerow(header)
    for record in predicted.records(details):
        ranked = record.get("top", [record])
        cells = [record["id"]]
        for one in ranked:
            cells += [one["label"], f"{one['probability']:.6f}", one["word"]]
        cells += [f"{p:.6f}" for p in record.get("probabilities", {}).values()]
        if details.text:
            text = record["text"]
            cells += [text] if isinstance(text, str) else list(text.values())
        writer.writerow(cells)
    return out.getvalue()


def tianchi_text(predicted: Predicted, details: Details) -> str:
    """Return the contest's lines, id and label alone."""
    return "".join(
        json.dumps({"id": record["id"], "label": record["label"]}, ensure_ascii=False) + "\n"
        for record in predicted.records()
    )


WRITERS: dict[str, Callable[[Predicted, Details], str]] = {
    "jsonl": jsonl_text,
    "csv": csv_text,
    "tianchi": tianchi_text,
}


def lines_for_people(predicted: Predicted, details: Details) -> Iterator[str]:
    """Yield a line a row, tabs between: label, label word, probability, those of the next labels,
    and at the end the texts."""
    top = len(predicted.task.verbalizer.labels) if details.probabilities else details.top
    for record in predicted.records(Details(max(2, top), text=details.text)):
        cells = []
        for one in record["top"][:top]:
            cells += [one["label"], one["word"], f"{one['probability']:.4f}"]
        if details.text:
            text = record["text"]
            cells += [text] if isinstance(text, str) else text.values()
        yield "\t".join(one_line(cell).replace("\t", " ") for cell in cells)
