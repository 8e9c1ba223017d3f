"""Settings left to the backbone: `auto` stands for what its folder recommends, or for its size. A
learning rate that is not given is `auto`.

A folder recommends by `recommended: {learning_rate, batch_tokens, epochs}` in its
`pretraining.json`, as the embedded backbones do and all that `pet-mtl pretrain` writes. A
`few_rows_learning_rate` there stands in for a learning rate that was `auto` where fewer than
`FEW_ROWS` rows are learned from, a `very_few_rows_learning_rate` where fewer than `VERY_FEW_ROWS`
are, which is known only when they are read (`training/few_rows.py`).
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.resources import model_folder
from pet_mtl.suite.validation import found
from pet_mtl.suite.yaml_file import Document

RECORD = "pretraining.json"
AUTO = "auto"
FEW_ROWS = 5000
VERY_FEW_ROWS = 100


class Recommended(BaseModel):
    """What a backbone is best fine-tuned with."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    learning_rate: float = Field(gt=0, le=1)
    batch_tokens: int = Field(ge=1)
    epochs: float = Field(gt=0)
    few_rows_learning_rate: float | None = Field(default=None, gt=0, le=1)
    very_few_rows_learning_rate: float | None = Field(default=None, gt=0, le=1)

    def rate_for(self, rows: int) -> tuple[float, int | None]:
        """Return the learning rate of so many rows, and below how many it holds; None: for any
        number."""
        few = (
            (VERY_FEW_ROWS, self.very_few_rows_learning_rate),
            (FEW_ROWS, self.few_rows_learning_rate),
        )
        for most, rate in few:
            if rate is not None and rows < most:
                return rate, most
        return self.learning_rate, None


KEYS = ("learning_rate", "batch_tokens", "epochs")
# Parameters of the layers, below: zh-mini has 2.4 and zh-small 21 million, measured; BERT-base 85,
# large models 300, as their authors fine-tune them.
_MINI = {"learning_rate": 4e-4, "very_few_rows_learning_rate": 1e-4}
_SMALL = {"learning_rate": 1e-4, "very_few_rows_learning_rate": 2e-5}
_BY_SIZE = (
    (8e6, Recommended(**_MINI, batch_tokens=4096, epochs=2)),
    (60e6, Recommended(**_SMALL, batch_tokens=4096, epochs=3)),
    (150e6, Recommended(learning_rate=3e-5, batch_tokens=4096, epochs=3)),
    (float("inf"), Recommended(learning_rate=1e-5, batch_tokens=4096, epochs=3)),
)
_BERT_BASE = 85e6


def fill_auto(document: Document, model: str, base: Path, problems: ProblemList) -> dict[str, str]:
    """Put numbers in the place of `auto` in a document's `train:` section, and a learning rate
    where it has none; return whence, by key.

    Args:
        model: as the document, or an option, names it.
        base: where a relative folder starts.
    """
    section = document.tree.get("train")
    if section is None:  # or all keys are commented out
        section = document.tree["train"] = {}
    if not isinstance(section, dict):
        return {}
    section.setdefault("learning_rate", AUTO)
    keys = [key for key in KEYS if section.get(key) == AUTO]
    if not keys:
        return {}
    try:
        values, reason = recommend(model, base)
    except PetMtlError as error:
        problems.extend(error)
        values, reason = by_size(None), ""  # so that the other keys are checked
    for key in keys:
        section[key] = getattr(values, key)
    return dict.fromkeys(keys, reason)


def recommend(model: str, base: Path | None = None) -> tuple[Recommended, str]:
    """Return what a backbone is fine-tuned with, and why.

    Raises:
        PetMtlError: the folder's record is damaged.
    """
    folder = model_folder(model, base)
    own = None if folder is None else read_record(folder)
    if own is not None:
        return own, f"recommended by `{model}`"
    size = None if folder is None else layer_parameters(folder)
    if size is None:
        return by_size(None), f"as for a model of BERT's size: `{model}` does not tell its own"
    return by_size(size), f"by the size of `{model}`: {size / 1e6:,.1f} million in its layers"


def by_size(parameters: float | None) -> Recommended:
    """Return what fits a model with so many parameters in its layers; None: not known.

    >>> by_size(2.4e6).learning_rate, by_size(None).learning_rate
    (0.0004, 3e-05)
    """
    size = _BERT_BASE if parameters is None else parameters
    return next(values for most, values in _BY_SIZE if size < most)


def read_record(folder: Path) -> Recommended | None:
    """Return what a folder recommends; None: nothing.

    Raises:
        PetMtlError: its record is damaged.
    """
    file = folder / RECORD
    hint = "mend the file, or give `learning_rate`, `batch_tokens` and `epochs` as numbers"
    try:
        record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (ValueError, OSError, RecursionError) as error:
        raise PetMtlError("is damaged", where=str(file), hint=hint) from error
    wanted = record.get("recommended") if isinstance(record, dict) else None
    if wanted is None:
        return None
    try:
        return Recommended.model_validate(wanted)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        name = ".".join(map(str, ("recommended", *details["loc"])))
        raise PetMtlError(
            f"`{name}` is not a setting that can be used: {found(details['input'])}",
            where=str(file),
            hint=hint,
        ) from error


def layer_parameters(folder: Path) -> int | None:
    """Return how many parameters a model has beside the rows of its vocabulary; None: it does not
    say."""
    from safetensors import SafetensorError, safe_open

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        shapes: dict[str, Any] = {}
        for file in folder.glob("model*.safetensors"):
            with safe_open(file, "np") as weights:
                for name in weights.keys():  # noqa: SIM118 (no mapping)
                    shapes[name] = weights.get_slice(name).get_shape()
        return count_layers(shapes, config.get("vocab_size")) if shapes else None
    except (ValueError, OSError, SafetensorError, AttributeError, RecursionError):
        return None


def count_layers(shapes: Mapping[str, Any], vocab_size: int | None) -> int:
    """Return the parameters of all tensors that have no row for each piece.

    >>> count_layers({"embeddings": (100, 8), "query": (8, 8), "bias": (100,)}, 100)
    64
    """
    return sum(math.prod(shape) for shape in shapes.values() if not shape or shape[0] != vocab_size)
