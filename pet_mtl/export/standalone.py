"""Classify texts with onnxruntime, tokenizers and numpy alone: python run.py TEXT…

A text of several fields is one argument with a tab between the fields, or JSON with their names.
Prints a line of JSON for each text.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
BATCH = 32


class Classifier:
    def __init__(self, model: str = "model.onnx", folder: Path = HERE) -> None:
        self.how = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text
        self.session = onnxruntime.InferenceSession(
            str(folder / model), providers=onnxruntime.get_available_providers()
        )

    def log_probs(self, rows: list[dict[str, str]]) -> np.ndarray:
        """Return [rows, labels] for rows of texts by field."""
        prompts = [[self.write(row, prompt) for prompt in self.how["prompts"]] for row in rows]
        longest = max(len(ids) for row in prompts for ids, _ in row)
        shape = (len(rows), len(self.how["prompts"]), longest)
        input_ids, mask = np.full(shape, self.how["pad"], np.int64), np.zeros(shape, np.int64)
        for r, row in enumerate(prompts):
            for g, (ids, _) in enumerate(row):
                input_ids[r, g, : len(ids)], mask[r, g, : len(ids)] = ids, 1
        slots = np.array([[slot for _, slot in row] for row in prompts], np.int64)
        inputs = {"input_ids": input_ids, "attention_mask": mask, "slots": slots}
        return np.asarray(self.session.run(["log_probs"], inputs)[0])

    def write(self, row: dict[str, str], prompt: dict[str, Any]) -> tuple[list[int], int]:
        """Return a prompt's ids and the place of its first mask."""
        fields = [self.pieces(row[p["field"]], p) for p in prompt["parts"] if "field" in p]
        room, kept = prompt["room"], [0] * len(fields)
        by_length = sorted(range(len(fields)), key=lambda i: len(fields[i]))
        for rank, i in enumerate(by_length):  # the longest are cut first
            kept[i] = min(len(fields[i]), room // (len(fields) - rank))
            room -= kept[i]
        shortened = (pieces[:size] for pieces, size in zip(fields, kept, strict=True))
        ids: list[int] = []
        slot = 0
        for part in prompt["parts"]:
            slot = len(ids) if part.get("slot") else slot
            ids += next(shortened) if "field" in part else part["ids"]
        return ids, slot

    def pieces(self, text: str, part: dict[str, Any]) -> list[int]:
        def encode(text: str) -> list[int]:
            return self.tokenizer.encode(text, add_special_tokens=False).ids

        marks = text[:1].isalnum() or text[:1].isspace() or "marks_lead" not in part
        kind = "lead" if marks else "marks_lead"
        ids, lead = encode(part[kind] + text), part[f"{kind}_ids"]
        if lead and ids[: len(lead)] == lead:
            ids = ids[len(lead) :]
        else:  # no lead, or the text's first character joins it, such as an accent
            ids = encode(text) if lead else ids
            ids = ids[ids[:1] == [part["mark"]] :]
        special = set(self.how["special"])
        ids = [self.how["harmless"] if i in special else i for i in ids]
        return ids[: self.how["max_length"]]

    def fields(self, text: str, names: list[str]) -> dict[str, str]:
        if len(names) == 1:
            parts = [text]
        elif (row := json_object(text)) is None:
            parts = text.split("\t")
        else:
            parts = [row[name] for name in names if isinstance(row.get(name), str)]
        if len(parts) != len(names):
            sys.exit(f"error: {text!r} needs {len(names)} fields with tabs between: {names}")
        try:
            "".join(parts).encode()
        except UnicodeEncodeError:
            sys.exit(f"error: {text!r} is no text in UTF-8")
        return dict(zip(names, parts, strict=True))

    def predict(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        """Yield what is said of each text: the label, or labels, and all probabilities; or a
        number."""
        names = self.how["fields"]
        rows = [self.fields(text, names) for text in texts]
        for start in range(0, len(rows), BATCH):
            for log_probs in self.log_probs(rows[start : start + BATCH]).astype(float):
                yield self.decide(log_probs)

    def decide(self, log_probs: np.ndarray) -> dict[str, Any]:
        labels, thresholds = self.how["labels"], self.how.get("thresholds")
        sets = thresholds is not None  # of log-odds: each label is there or not
        probs = np.exp(-np.logaddexp(0, -log_probs)) if sets else np.exp(log_probs)
        if "range" in self.how:
            low, high = self.how["range"]
            return {"value": low + float(probs[1]) * (high - low)}
        each = {label: round(float(p), 6) for label, p in zip(labels, probs, strict=True)}
        if sets:
            chosen = np.flatnonzero(probs >= np.array(thresholds))
            return {"labels": [labels[k] for k in chosen], "probabilities": each}
        return {"label": labels[int(probs.argmax())], "probabilities": each}


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text is, None where it is none."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


if __name__ == "__main__":
    answers = Classifier().predict(sys.argv[1:])
    escape = "utf" not in sys.stdout.encoding.lower()
    for text, said in zip(sys.argv[1:], answers, strict=True):
        print(json.dumps({"text": text, **said}, ensure_ascii=escape))
