"""The mean of the weights of several pre-trained models that went on from the same one, in other
orders of the text."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.folders import write_model
from pet_mtl.storage.average import check_request, mean_weights, refuse_other_vocabularies
from pet_mtl.storage.checked_json import read_bounded
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.storage.trained_on import with_earlier
from pet_mtl.suite.auto import RECORD, read_record


def average_models(folders: Sequence[Path], out: Path) -> None:
    """Write a model with the mean of the models' weights; vocabulary and number format are those of
    the first.

    Raises:
        PetMtlError: fewer than two, one that is no masked language model or does not fit the first;
            `out` is there.
    """
    check_request(folders, out)
    refuse_other_vocabularies(folders)
    mlm = load_masked_lm(str(folders[0]))
    # a tied decoder is stored once
    mlm.load_state_dict(mean_weights(folders)["model.safetensors"], strict=False)
    trained_on: Mapping[str, Any] = {}
    for folder in folders:
        trained_on = with_earlier(folder, trained_on)
    facts: dict[str, Any] = {"mean_of": [_facts(folder) for folder in folders]}
    if (own := read_record(folders[0])) is not None:
        facts["recommended"] = own.model_dump(exclude_none=True)
    write_model(
        out,
        mlm,
        PieceTokenizer(load_tokenizer(str(folders[0]))),
        half=_is_half(folders[0]),
        facts=facts,
        trained_on=trained_on,
    )


def _facts(folder: Path) -> dict[str, Any]:
    """Return how a model was made, where it says."""
    file = folder / RECORD
    try:
        return dict(json.loads(read_bounded(file))) if file.is_file() else {}
    except (ValueError, TypeError, OSError, RecursionError) as error:
        raise PetMtlError(
            "is damaged", where=str(file), hint="copy the folder again, or remove this file"
        ) from error


def _is_half(folder: Path) -> bool:
    kinds: set[str] = set()
    for file in folder.glob("model*.safetensors"):  # a large model lies in several
        with safe_open(file, "pt") as weights:
            kinds |= {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 (no mapping)
    return kinds == {"F16"}
