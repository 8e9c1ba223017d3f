"""Where a pre-trained masked language model lies, and how it is loaded safely."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch

from pet_mtl.cloze.tokenizer import PieceTokenizer, largest_id
from pet_mtl.errors import PetMtlError, panics_as_errors
from pet_mtl.hub_names import is_hub_name, kept_only
from pet_mtl.model.causal import is_causal
from pet_mtl.model.light_import import import_transformers, without_compiler
from pet_mtl.resources import bundled_backbones, model_folder
from pet_mtl.storage.folder_checks import (
    check_architectures,
    check_direction,
    check_folder,
    check_index,
    check_loaded,
    check_parameters,
    check_pieces,
    check_sizes,
    has_new_deberta_head,
    missing_package,
)
from pet_mtl.storage.model_files import tokenizer_files, weight_files
from pet_mtl.storage.one_at_a_time import LOADING, one_at_a_time
from pet_mtl.storage.tensors import check_finite, fit, own_memory, read_tensors
from pet_mtl.storage.tokenizer_growth import check_growth, check_loaded_growth
from pet_mtl.suite.suite import Suite

_Kind = Literal["masked", "causal"]
# no score depends on what else a forward pass returns, nor on how many steps it is cut into
_PLAIN: dict[str, Any] = {"output_hidden_states": False, "output_attentions": False}
_PLAIN |= {"return_dict": True, "chunk_size_feed_forward": 0}  # 3: only lengths 3, 6, 9 … work


def resolve_model(name: str, base: Path | None = None) -> str:
    """Return the folder of a backbone, or `name` itself where it can only be a hub name.

    Args:
        name: an embedded backbone's name, a folder (relative to `base` or the working directory),
            or a hub name.

    Raises:
        PetMtlError: neither an embedded backbone nor a folder, and no hub name by its form.
    """
    if folder := model_folder(name, base):
        return str(folder)
    if is_hub_name(name, base):
        return name
    raise PetMtlError(
        f"there is no model `{name}`",
        hint=f"give a folder, a hub name such as `hfl/chinese-roberta-wwm-ext`, or {_embedded()}",
    )


def suite_model(suite: Suite) -> str:
    """Return the folder of a suite's backbone, or its hub name; a relative folder starts from the
    pattern file.

    Raises:
        PetMtlError: see `resolve_model`.
    """
    try:
        return resolve_model(suite.model, Path(suite.source).parent)
    except PetMtlError as error:
        (problem,) = error.problems
        raise PetMtlError(
            [replace(problem, where=f"`model:` of {suite.source}, or `--model`")]
        ) from None


def _embedded() -> str:
    return "the embedded " + ", ".join(f"`{name}`" for name in bundled_backbones())


@one_at_a_time()
def load_tokenizer(folder: str) -> Any:
    """Load the tokenizer of a backbone, once as long as the folder's files stay as they are and few
    others are loaded.

    Raises:
        PetMtlError: the folder holds none, or a damaged one.
    """
    return _load_tokenizer(folder, _stamps(folder))


def _stamps(folder: str) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of a folder's files, weights left out: a tokenizer is none of
    them."""
    try:
        with os.scandir(folder) as entries:
            files = [
                entry
                for entry in entries
                if entry.is_file() and not entry.name.endswith(".safetensors")
            ]
            return tuple(sorted((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in files))
    except OSError:
        return ()  # a hub name, or what is said when it is loaded


@lru_cache(maxsize=8)  # a server loads its folder again whenever it changes
def _load_tokenizer(folder: str, stamps: tuple[tuple[str, int, int], ...]) -> Any:
    import_transformers()
    from transformers import AutoTokenizer

    cached = from_cache(folder)
    hint = f"give a folder that transformers wrote, a hub name, or {_embedded()}"
    try:
        check_folder(folder)
        for file in tokenizer_files(folder, cached):
            check_growth(file)
        with (
            quiet_transformers(),
            panics_as_errors("no tokenizer could be loaded", where=folder, hint=hint),
        ):
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=cached
            )
            if not isinstance(tokenizer.model_max_length, int | float):  # compared at each call
                raise TypeError("`model_max_length` is no number")
            if "" in tokenizer.special_tokens_map.values():  # looked up without end
                raise ValueError("a special token is an empty text")
            check_loaded_growth(tokenizer, folder)
            pieces: Any = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
            if getattr(pieces, "dropout", None):  # as BPE was trained: others at each reading
                pieces.dropout = None
            tokenizer("a")  # damage of some steps is seen only here
        return tokenizer
    except (MemoryError, PetMtlError):
        raise
    except (
        Exception
    ) as error:  # tokenizers raises bare ones, and transformers whatever a damaged file leads to
        if package := missing_package(error, folder):
            raise PetMtlError(
                f"the tokenizer needs the package `{package}`",
                where=folder,
                hint=f"pip install {package}",
            ) from error
        bare = Path(folder).is_dir() and not (Path(folder) / "config.json").is_file()
        reason = "the folder holds no model (no `config.json`)" if bare else _first_line(error)
        for inner in ("checkpoint", "model"):  # of a run of `train` or `pretrain`
            if bare and (Path(folder) / inner / "config.json").is_file():
                hint = f"did you mean `{Path(folder) / inner}`?"
        raise PetMtlError(
            f"no tokenizer could be loaded: {reason}", where=folder, hint=hint
        ) from error


def load_pieces(folder: str) -> PieceTokenizer:
    """Load the tokenizer of a backbone, masked or causal.

    Raises:
        PetMtlError: see `load_tokenizer`; it lacks a special token that the model needs.
    """
    tokenizer = load_tokenizer(folder)
    return PieceTokenizer(tokenizer, causal=is_causal(_load_config(folder)))


def load_backbone(folder: str, *, attention: str = "eager", dropout: float | None = None) -> Any:
    """Load a language model, masked or causal, in fp32 from safetensors; see `load_masked_lm`."""
    _refuse_pickle(folder)
    config = _load_config(folder)
    kind: _Kind = "causal" if is_causal(config) else "masked"
    return _load(folder, config, kind, attention, dropout)


def load_masked_lm(folder: str, *, attention: str = "eager", dropout: float | None = None) -> Any:
    """Load a masked language model in fp32 from safetensors.

    Args:
        folder: a folder or a hub name.
        attention: transformers' `attn_implementation`; families without `sdpa` read with `eager`.
        dropout: sets every dropout rate of the backbone; None keeps its own.

    Raises:
        PetMtlError: not a masked language model, weights missing, damaged, not finite, or not in
            safetensors form.
    """
    _refuse_pickle(folder)
    return _load(folder, _load_config(folder), "masked", attention, dropout)


@one_at_a_time()
def _load_config(folder: str) -> Any:
    import_transformers()
    from transformers import AutoConfig

    cached = from_cache(folder)
    try:
        config = AutoConfig.from_pretrained(
            folder, trust_remote_code=False, local_files_only=cached, **_PLAIN
        )
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file leads to
        raise PetMtlError(
            f"this is no model that transformers can load: {_first_line(error)}",
            where=folder,
            hint=(
                "give a folder with `config.json` and `model.safetensors`, a hub name, or "
                f"{_embedded()}"
            ),
        ) from error
    check_architectures(config, folder)
    return config


@one_at_a_time()
def _load(folder: str, config: Any, kind: _Kind, attention: str, dropout: float | None) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    loader: Any = AutoModelForMaskedLM if kind == "masked" else AutoModelForCausalLM
    check_sizes(config, folder)
    check_direction(config, folder, causal=kind == "causal")
    if has_new_deberta_head(config, folder):
        config.legacy = False
    if dropout is not None:
        for key in config.to_dict():
            if key.endswith(("dropout", "dropout_prob", "pdrop")) and key != "classifier_dropout":
                setattr(config, key, dropout)
    cached = from_cache(folder)
    with quiet_transformers():
        check_parameters(loader, config, folder, weight_files(folder, cached))
    try:
        with quiet_transformers():
            model, info = loader.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                # unsaid is sdpa where the family has it, else eager; said, it is refused there
                attn_implementation=None if attention == "sdpa" else attention,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=cached,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, by name
            )
    except SafetensorError as error:
        raise PetMtlError(
            f"the weights are damaged or cut short: {error}",
            where=folder,
            hint="copy the model folder again",
        ) from error
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a damaged configuration leads to
        raise PetMtlError(
            f"this model has no {kind}-language-model form: {_first_line(error)}",
            where=folder,
            hint=(
                "choose a masked language model such as `hfl/chinese-roberta-wwm-ext` or "
                f"{_embedded()}"
            ),
        ) from error
    check_loaded(info, kind, folder)
    check_finite(model.named_parameters(), Path(folder))
    own_memory(model)
    try:
        tokenizer = load_tokenizer(folder)
    except PetMtlError:  # said where the tokenizer is needed
        return model
    check_pieces(model, len(tokenizer), largest_id(tokenizer), folder)
    return model


def load_into(mlm: Any, file: Path, hint: str) -> None:
    """Load all weights of a language model from a file that `save_pretrained` wrote.

    Raises:
        PetMtlError: the file is missing, damaged, lacks weights, or is of another model.
    """
    weights, state = read_tensors(file, hint), mlm.state_dict()
    wrong = PetMtlError("the saved weights do not fit the model", where=str(file), hint=hint)
    try:
        # transformers writes some families' weights by other names, as their authors have them
        if not weights.keys() <= state.keys():
            weights = load_backbone(str(file.parent)).state_dict()
    except PetMtlError as error:
        raise wrong from error
    found = {name: state[name] for name in weights if name in state}
    loaded = {value.data_ptr() for value in found.values()}  # tied weights are stored once
    if not fit(weights, found) or any(v.data_ptr() not in loaded for v in state.values()):
        raise wrong
    mlm.load_state_dict(weights, strict=False)


def from_cache(folder: str) -> bool:
    """Say whether this can only be loaded from the cache of the hub's models: a folder that is
    there is loaded as it is.

    Raises:
        PetMtlError: see `kept_only`; a folder that has gone.
    """
    if Path(folder).exists():
        return False
    if not is_hub_name(folder, Path("/")):
        raise PetMtlError("there is no such folder", where=folder)
    return kept_only(folder)


def _refuse_pickle(folder: str) -> None:
    check_folder(folder)
    path = Path(folder)
    # transformers loads whatever files an index names, pickle among them
    for index in path.glob("*.index.json"):
        check_index(index)
    if path.is_dir() and not any(path.glob("*.safetensors")) and any(path.glob("*.bin")):
        raise PetMtlError(
            "the weights are a pickle file, which can run code when loaded",
            where=folder,
            hint=(
                "convert them: load the model with transformers where you trust it, then "
                "`save_pretrained(folder)`"
            ),
        )


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' bars and its table of unused keys off the terminal: the keys are checked
    here."""
    from transformers.utils import logging

    with LOADING:  # of two threads at once the later one would leave it quiet for ever
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
    """Return what an error says, of several lines the first, and what follows its colon."""
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, KeyError):
        return f"nothing is called {first}"
    if first.endswith("(") and more:  # a module, written out with its parts
        return first + more[-1]
    return f"{first} {more[0].strip()}" if more and first.endswith(":") else first
