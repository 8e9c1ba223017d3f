"""A masked language model, loaded safely and read at its slots."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pet_mtl.cloze.batch import LENGTH_STEP
from pet_mtl.errors import PetMtlError
from pet_mtl.model.folder_checks import check_index, check_pieces, check_sizes, has_new_deberta_head, missing_package
from pet_mtl.model.light_import import import_transformers, without_compiler
from pet_mtl.model.mlm_head import MlmHead, SplitHead, WholeHead, split_head
from pet_mtl.model.slot_encoder import SLOT_STEP, SlotEncoder, fits_slot_encoder
from pet_mtl.resources import bundled_backbone, bundled_backbones
from pet_mtl.spec.suite import Suite

# These families count positions from `padding_idx + 1`, so two fewer can be used.
_POSITIONS_FROM_2 = frozenset(
    [
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    ]
)

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


class Backbone(nn.Module):
    """A masked language model of any family.

    Attributes:
        mlm: the transformers model; its parameters are the only ones.
        head: its MLM head, split where the family is known.
    """

    def __init__(self, mlm: Any, attention: str = "eager") -> None:
        super().__init__()
        self.mlm = mlm
        split = split_head(mlm)
        lone = None if split else _lone_head(mlm)
        self.head: MlmHead = split or WholeHead(lone or nn.Identity())
        if split and fits_slot_encoder(mlm):
            self.encode: Callable[[Tensor, Tensor, Tensor], Tensor] = SlotEncoder(mlm.base_model, attention)
        else:
            self.encode = self._encode if split or lone else self._logits

    def use_sparse_lookups(self) -> nn.Parameter | None:
        """Let lookups in the word embeddings have sparse gradients, and return the weight; None where it is not tied.

        A dense gradient costs passes over all of `[V, H]` for each piece of a step. AdamW and clipping want a dense
        one: `weight.grad` must be zeros, not None, before the first backward pass, and sparse ones are added to it.
        """
        table: Any = self.mlm.get_input_embeddings()
        if not isinstance(table, nn.Embedding) or not isinstance(self.head, SplitHead):
            return None
        weight: nn.Parameter = table.weight  # type: ignore[assignment]
        if self.head.decoder()[0] is not weight:
            return None
        table.sparse = True
        self.head = replace(self.head, sparse=True)
        return weight

    def _encode(self, input_ids: Tensor, attention_mask: Tensor, slots: Tensor) -> Tensor:
        hidden = self.mlm.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return _at_slots(hidden, slots)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor, slots: Tensor) -> Tensor:
        return _at_slots(self.mlm(input_ids=input_ids, attention_mask=attention_mask).logits, slots)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, slots: Tensor) -> Tensor:
        """Return what the head reads at the slots.

        Args:
            input_ids: `[N, L]`.
            attention_mask: `[N, L]`.
            slots: `[N, M]` positions.

        Returns:
            `[N, M, E]`, to be given to `head.piece_logits` and `head.log_normalizer`.
        """
        hidden = self.encode(input_ids, attention_mask, slots)
        if not isinstance(self.head, SplitHead):
            return self.head.states(hidden)
        rows = hidden.flatten(0, 1)
        states = self.head.states(F.pad(rows, (0, 0, 0, -len(rows) % SLOT_STEP)))  # few shapes
        return states[: len(rows)].view(*slots.shape, -1)


def _at_slots(states: Tensor, slots: Tensor) -> Tensor:
    return states.gather(1, slots[..., None].expand(-1, -1, states.shape[-1]))


def _lone_head(mlm: Any) -> Any:
    """Return the one module that follows the base model of an unknown family, None where that is not all there is."""
    others = [module for module in mlm.children() if module is not mlm.base_model]
    # decoders add a bias of their own to the logits (BART)
    return others[0] if len(others) == 1 and not mlm.config.is_encoder_decoder else None


def resolve_model(name: str, base: Path | None = None) -> str:
    """Return the folder of a backbone, or `name` itself where it can only be a hub name.

    Args:
        name: an embedded backbone's name, a folder (relative to `base` or the working directory), or a hub name.

    Raises:
        PetMtlError: neither an embedded backbone nor a folder, and no hub name by its form.
    """
    if folder := bundled_backbone(name):
        return str(folder)
    for candidate in (*((base / name,) if base else ()), Path(name)):
        if name and candidate.is_dir():
            return str(candidate)
    if name.count("/") == 1 and _HUB_NAME.fullmatch(name) and not _looks_local(name, base):
        return name
    raise PetMtlError(
        f"there is no model `{name}`",
        hint=f"give a folder, a hub name such as `hfl/chinese-roberta-wwm-ext`, or {_embedded()}",
    )


def _looks_local(name: str, base: Path | None) -> bool:
    """Say whether `runs/typo` means a folder: its first part is one here."""
    first = name.split("/")[0]
    return any((start / first).is_dir() for start in (*((base,) if base else ()), Path()))


def suite_model(suite: Suite) -> str:
    """Return the folder of a suite's backbone, or its hub name; a relative folder starts from the pattern file.

    Raises:
        PetMtlError: see `resolve_model`.
    """
    try:
        return resolve_model(suite.model, Path(suite.source).parent)
    except PetMtlError as error:
        (problem,) = error.problems
        raise PetMtlError([replace(problem, where=f"`model:` of {suite.source}, or `--model`")]) from None


def _embedded() -> str:
    return "the embedded " + ", ".join(f"`{name}`" for name in bundled_backbones())


@cache
def load_tokenizer(folder: str) -> Any:
    """Load the tokenizer of a backbone.

    Raises:
        PetMtlError: the folder holds none, or a damaged one.
    """
    import_transformers()
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # tokenizers raises bare ones, and transformers whatever a damaged file leads to
        if package := missing_package(error, folder):
            raise PetMtlError(
                f"the tokenizer needs the package `{package}`", where=folder, hint=f"pip install {package}"
            ) from error
        bare = Path(folder).is_dir() and not (Path(folder) / "config.json").is_file()
        reason = "the folder holds no model (no `config.json`)" if bare else _first_line(error)
        raise PetMtlError(
            f"no tokenizer could be loaded: {reason}",
            where=folder,
            hint=f"give a folder that transformers wrote, a hub name, or {_embedded()}",
        ) from error


def load_masked_lm(folder: str, *, attention: str = "eager", dropout: float | None = None) -> Any:
    """Load a masked language model in fp32 from safetensors.

    Args:
        folder: a folder or a hub name.
        attention: transformers' `attn_implementation`.
        dropout: sets every dropout rate of the backbone; None keeps its own.

    Raises:
        PetMtlError: not a masked language model, weights missing, damaged, or not in safetensors form.
    """
    import_transformers()
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForMaskedLM

    _refuse_pickle(folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file leads to
        raise PetMtlError(
            f"this is no model that transformers can load: {_first_line(error)}",
            where=folder,
            hint=f"give a folder with `config.json` and `model.safetensors`, a hub name, or {_embedded()}",
        ) from error
    check_sizes(config, folder)
    if has_new_deberta_head(config, folder):
        config.legacy = False
    if dropout is not None:
        for key in config.to_dict():
            if key.endswith(("dropout", "dropout_prob")) and key != "classifier_dropout":
                setattr(config, key, dropout)
    try:
        with quiet_transformers():
            model, info = AutoModelForMaskedLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except SafetensorError as error:
        raise PetMtlError(
            f"the weights are damaged or cut short: {error}", where=folder, hint="copy the model folder again"
        ) from error
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a damaged configuration leads to
        raise PetMtlError(
            f"this model has no masked-language-model form: {_first_line(error)}",
            where=folder,
            hint=f"choose a masked language model such as `hfl/chinese-roberta-wwm-ext` or {_embedded()}",
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise PetMtlError(
            f"the checkpoint lacks weights of the masked-language-model head: {', '.join(missing[:4])}"
            + (f" and {len(missing) - 4} more" if len(missing) > 4 else ""),
            where=folder,
            hint="it was saved as another kind of model (a classifier, a bare encoder); use the original checkpoint",
        )
    try:
        pieces = len(load_tokenizer(folder))
    except PetMtlError:  # said where the tokenizer is needed
        pieces = 0
    check_pieces(model, pieces, folder)
    return model


def check_length(mlm: Any, max_length: int) -> None:
    """Refuse prompts that are longer than the backbone's positions.

    Raises:
        PetMtlError: `max_length` is too large.
    """
    positions = getattr(mlm.config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return
    usable = positions - (2 if mlm.config.model_type in _POSITIONS_FROM_2 else 0)
    usable -= usable % LENGTH_STEP  # batches are padded to a multiple of it
    if max_length > usable:
        raise PetMtlError(
            f"`train.max_length` is {max_length}, but the model has positions for {usable} tokens",
            hint=f"set `-s train.max_length={usable}`",
        )


def _refuse_pickle(folder: str) -> None:
    path = Path(folder)
    for index in path.glob("*.index.json"):  # transformers loads whatever files an index names, pickle among them
        check_index(index)
    if path.is_dir() and not any(path.glob("*.safetensors")) and any(path.glob("*.bin")):
        raise PetMtlError(
            "the weights are a pickle file, which can run code when loaded",
            where=folder,
            hint="convert them: load the model with transformers where you trust it, then `save_pretrained(folder)`",
        )


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' bars and its table of unused keys off the terminal: the keys are checked here."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with without_compiler():
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
