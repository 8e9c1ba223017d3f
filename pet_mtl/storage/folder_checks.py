"""What is checked of a model folder, which anyone may have written, before and after transformers
reads it."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import torch
from torch.nn.modules.module import register_module_module_registration_hook

from pet_mtl.errors import PetMtlError
from pet_mtl.model.causal import is_encoder_family
from pet_mtl.storage.checked_json import LARGEST, read_bounded

# files that transformers reads whole; others may lie beside them
_READ_WHOLE = (
    *("config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "vocab.txt", "merges.txt", ".jinja", ".model"),
)
# as transformers reads a configuration, it makes lists of so many items
_LISTED = re.compile(r"num_labels|attention_types|(num|n)_(\w+_)?layers?")
_MOST_LISTED = 1 << 20
_MOST_MODULES = 50_000  # a thousand layers have fewer
_SIZES = {  # the least and the most
    "num_hidden_layers": (1, 1000),
    "num_attention_heads": (1, 1 << 12),
    "hidden_size": (1, 1 << 16),
    "intermediate_size": (0, 1 << 18),
    "max_position_embeddings": (0, 1 << 24),
    "vocab_size": (1, 1 << 22),
}
_MOST_PER_BYTE = 4  # parameters
_SMALL = 1 << 20  # parameters that are no matter of memory
_LARGEST_INDEX = 64 << 20  # bytes; those of the largest models are a few MB


def check_folder(folder: str) -> None:
    """Refuse what would take all time or memory before anything is known of the model: a pipe or a
    device among its files, also a link to one, endless texts, counts of what is listed.

    Raises:
        PetMtlError: it names the first of them.
    """
    for file in sorted(Path(folder).glob("*")):
        with suppress(OSError):  # said when it is read
            found = file.stat()
            hint = "delete it, or copy the folder again from where it is whole"
            if not S_ISREG(found.st_mode) and not S_ISDIR(found.st_mode):
                message = "this is a device or a pipe, which no model has among its files"
                raise PetMtlError(message, where=str(file), hint=hint)
            if found.st_size > LARGEST and file.name.endswith(_READ_WHOLE):
                message = f"larger than {LARGEST >> 20} MiB, which no such file of a model is"
                raise PetMtlError(message, where=str(file), hint=hint)
    config = Path(folder) / "config.json"
    with suppress(OSError, ValueError, RecursionError):  # said when it is read
        _check_listed(json.loads(read_bounded(config)), "", str(config))


def _check_listed(part: Any, key: str, where: str) -> None:
    if isinstance(part, dict):
        for name, value in part.items():
            _check_listed(value, name, where)
    elif isinstance(part, list):
        for value in part:
            _check_listed(value, key, where)
    elif isinstance(part, int) and part > _MOST_LISTED and _LISTED.fullmatch(key):
        message = f"`{key}` is {str(part)[:40]}, which no model has"
        raise PetMtlError(message, where=where, hint="copy the model folder again")


def check_index(index: Path) -> None:
    """Refuse an index of weights that names other files than `*.safetensors` beside it."""
    safe = index.name.endswith(".safetensors.index.json")
    try:
        if index.stat().st_size > _LARGEST_INDEX:
            raise ValueError("too large")
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        names = all(isinstance(file, str) and Path(file).name == file for file in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PetMtlError(
            "the index of the weights is damaged", where=str(index), hint="copy it again"
        ) from error
    if safe and not (names and all(file.endswith(".safetensors") for file in files)):
        raise PetMtlError(
            "the index of the weights names files that are no `.safetensors` files beside it",
            where=str(index),
            hint=(
                "pickle files can run code when loaded; convert them where you trust them, with "
                "`save_pretrained`"
            ),
        )


def missing_package(error: Exception, folder: str) -> str | None:
    """Return the package that a tokenizer needs and that is not installed; None where that is not
    why it failed."""
    if any(Path(folder).glob("*.model")) and not find_spec("sentencepiece"):
        return "sentencepiece"  # transformers falls back to tiktoken and asks for that
    if not isinstance(error, ImportError):
        return None
    named = re.search(
        r"install (?:the )?`?([A-Za-z][\w-]*)`?|No module named '([\w-]+)", str(error)
    )
    found = (named[1] or named[2]) if named else error.name
    return {"MeCab": "fugashi", "mecab": "fugashi", "SentencePiece": "sentencepiece"}.get(
        found or "", found
    )


def check_sizes(config: Any, folder: str) -> None:
    """Refuse numbers that no model has: building it would take all memory, or minutes, or it would
    have no scores.

    Raises:
        PetMtlError: a size is no whole number, or beyond what is known; a number is NaN or
            infinite, or a norm's ε is negative or large.
    """
    where, hint = str(Path(folder) / "config.json"), "copy the model folder again"
    for key, (least, most) in _SIZES.items():
        value = getattr(config, key, None)
        if value is not None and (type(value) is not int or not least <= value <= most):
            raise PetMtlError(
                f"`{key}` must be a whole number from {least} to {most:,}, found "
                f"`{str(value)[:40]}`",
                where=where,
                hint=hint,
            )
    for key, value in vars(config).items():
        # a norm's ε below 0 takes the root of a negative number, and all scores are NaN; one of
        # any size makes all states alike
        eps = re.search(r"(^|_)eps", key) is not None
        if isinstance(value, float) and (not math.isfinite(value) or (eps and not 0 <= value < 1)):
            raise PetMtlError(
                f"`{key}` is `{value}`, with which no model has scores", where=where, hint=hint
            )


def check_direction(config: Any, folder: str, *, causal: bool) -> None:
    """Refuse an encoder that is stored as a causal model and yet sees all of a text, and a masked
    language model that sees nothing behind a mask.

    Raises:
        PetMtlError: it is one.
    """
    decoder = getattr(config, "is_decoder", None)
    where = str(Path(folder) / "config.json")
    if causal and decoder is False and is_encoder_family(config.model_type):
        raise PetMtlError(
            "`architectures` names a causal model, but without `is_decoder` it sees the words "
            "that it should predict",
            where=where,
            hint="set `is_decoder: true` if it was trained so, or name the masked model's class",
        )
    if not causal and decoder is True:
        raise PetMtlError(
            "`is_decoder` makes a model blind to what stands behind a word, and this is a masked "
            "language model",
            where=where,
            hint="remove `is_decoder`, or copy the model folder again",
        )


def check_architectures(config: Any, folder: str) -> None:
    """Refuse names of model classes that are none.

    Raises:
        PetMtlError: they are no list of texts.
    """
    named = getattr(config, "architectures", None)
    if named is not None and not (
        isinstance(named, list) and all(isinstance(name, str) for name in named)
    ):
        raise PetMtlError(
            "`architectures` must be a list of the names of classes, such as "
            f'["BertForMaskedLM"], found `{str(named)[:40]}`',
            where=str(Path(folder) / "config.json"),
            hint="copy the model folder again",
        )


def check_parameters(loader: Any, config: Any, folder: str, weights: Sequence[Path]) -> None:
    """Refuse a configuration of a far larger model than that of the weights beside it: building it
    would take all memory before the weights are found to be others. Refuse weights that are no
    floating-point numbers, too.

    Args:
        loader: the `AutoModelFor…` of transformers.
        weights: the files that hold the weights.

    Raises:
        PetMtlError: it is one, or has parts without end. What cannot be built passes: that is said
            when it is loaded.
    """
    stored = sum(file.stat().st_size for file in weights)
    if not stored:  # none at all
        return
    try:
        with torch.device("meta"), _bounded_modules(folder):  # sizes without memory
            model = loader.from_config(config, trust_remote_code=False)
    except (MemoryError, PetMtlError):
        raise
    except Exception:  # whatever a damaged configuration leads to
        return
    count = sum(parameter.numel() for parameter in model.parameters())
    # tied weights are stored once, and a weight may take half a byte
    if count > _MOST_PER_BYTE * stored + _SMALL:
        raise PetMtlError(
            f"`config.json` describes a model of {count:,} parameters, but the weights have "
            f"{stored:,} bytes",
            where=folder,
            hint="they belong to different models, or are cut short; copy the model folder again",
        )
    _check_dtypes(model, weights)


@contextmanager
def _bounded_modules(folder: str) -> Iterator[None]:
    """Refuse to build a model of more parts than any has: families have counts of their own, of
    groups, experts, repeats."""
    built = count(1)

    def refuse(*_: Any) -> None:
        if next(built) > _MOST_MODULES:
            raise PetMtlError(
                f"`config.json` describes a model of more than {_MOST_MODULES:,} parts",
                where=folder,
                hint="copy the model folder again",
            )

    hook = register_module_module_registration_hook(refuse)
    try:
        yield
    finally:
        hook.remove()


def _check_dtypes(model: Any, weights: Sequence[Path]) -> None:
    """Refuse parameters that are stored as whole, complex or truth values: loading would make
    floating-point numbers of them without a word. Buffers may be of any kind."""
    from safetensors import SafetensorError, safe_open

    start = f"{model.base_model_prefix}."
    names = {n.removeprefix(start) for n, _ in model.named_parameters(remove_duplicate=False)}
    whole = [file for file in weights if file.name == "model.safetensors"]
    for file in whole or [file for file in weights if file.name.startswith("model-")]:
        with suppress(SafetensorError, OSError), safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118
                kind = opened.get_slice(name).get_dtype()
                if name.removeprefix(start) in names and not kind.startswith(("F", "BF")):
                    raise PetMtlError(
                        f"the weights `{name}` are no floating-point numbers, but `{kind}`",
                        where=str(file),
                        hint="save the model again in fp32, fp16 or bf16, or take another one",
                    )


def check_loaded(info: Mapping[str, Any], kind: str, folder: str) -> None:
    """Refuse weights of other shapes than the configuration's, without those of a head, or with
    those of relative positions, which transformers 5 no longer reads.

    Args:
        info: what `from_pretrained` returns as its loading info.
        kind: `masked` or `causal`.

    Raises:
        PetMtlError: it names the first of them.
    """
    if others := sorted(info["mismatched_keys"]):
        name, stored, wanted = others[0]
        raise PetMtlError(
            f"the weights `{name}` have the shape {list(stored)}, by `config.json` {list(wanted)}",
            where=folder,
            hint="they belong to different models; copy the model folder again",
        )
    if relative := sorted(key for key in info["unexpected_keys"] if "distance_embedding" in key):
        raise PetMtlError(
            f"the weights `{relative[0]}` are of relative positions (`position_embedding_type`), "
            "which transformers has left out since version 5: without them all scores are others",
            where=folder,
            hint="choose a model with absolute positions",
        )
    if missing := sorted(info["missing_keys"]):
        raise PetMtlError(
            f"the checkpoint lacks weights of the {kind}-language-model head: "
            f"{', '.join(missing[:4])}"
            + (f" and {len(missing) - 4} more" if len(missing) > 4 else ""),
            where=folder,
            hint=(
                "it was saved as another kind of model (a classifier, a bare encoder); use the "
                "original checkpoint"
            ),
        )


def check_pieces(model: Any, pieces: int, largest: int, folder: str) -> None:
    """Refuse a tokenizer with other ids than the model has embeddings: their rows would end in an
    index error.

    Args:
        largest: the largest id that the tokenizer gives.

    Raises:
        PetMtlError: a piece, or a token that is put around a text, has no embedding.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if pieces > rows:
        raise PetMtlError(
            f"the tokenizer has {pieces:,} pieces, but the model has embeddings for {rows:,}",
            where=folder,
            hint=(
                "tokens were added without `resize_token_embeddings`: do so, save the model "
                "again, and train it"
            ),
        )
    if largest >= rows:
        raise PetMtlError(
            f"the tokenizer gives the id {largest:,}, but the model has embeddings for {rows:,}",
            where=folder,
            hint="`tokenizer.json` belongs to another model, or is damaged; copy it again",
        )


def has_new_deberta_head(config: Any, folder: str) -> bool:
    """Say whether DeBERTa's head is stored as its authors have it (`lm_predictions`), which
    `legacy: false` reads."""
    file = Path(folder) / "model.safetensors"
    if not getattr(config, "legacy", False) or not file.is_file():
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as weights:
            return any(name.startswith("lm_predictions.") for name in weights.keys())  # noqa: SIM118
    except (SafetensorError, OSError):
        return False  # said when the weights are loaded
