"""Which models read from left to right."""

from typing import Any

from pet_mtl.errors import PetMtlError
from pet_mtl.model.light_import import import_transformers

# Families that take a mask of which token sees which, and positions of its own for each token.
_TAKES_TREES = frozenset({"gpt2", "llama", "mistral", "qwen2", "qwen3"})


def is_causal_class(name: str) -> bool:
    """Return whether a class of transformers is a causal language model and no masked one."""
    causal, masked = _mappings()
    return name in causal.values() and name not in masked.values()


def is_causal(config: Any) -> bool:
    """Return whether a configuration is that of a causal language model: by the class that it
    names, or, where it names none, by its family."""
    causal, masked = _mappings()
    family = config.model_type
    if named := getattr(config, "architectures", None):
        if any(name in masked.values() for name in named):
            return False
        if any(name in causal.values() for name in named):
            return True
    return family in causal and family not in masked


def is_encoder_family(family: str) -> bool:
    """Return whether a family has masked language models."""
    return family in _mappings()[1]


def refuse_causal(mlm: Any, what: str, hint: str) -> None:
    """Refuse what only a masked language model can do, where the model is causal.

    Raises:
        PetMtlError: the model is causal.
    """
    if is_causal_class(type(mlm).__name__):
        raise PetMtlError(
            f"{what} needs a masked language model, and a `{type(mlm).__name__}` is a causal one",
            hint=hint,
        )


def takes_trees(config: Any) -> bool:
    """Return whether a causal model can read the label words of a row all at once."""
    return config.model_type in _TAKES_TREES


def window(config: Any) -> int | None:
    """Return how many tokens back a token sees; None: all of them."""
    if not getattr(config, "use_sliding_window", True):
        return None
    found: int | None = getattr(config, "sliding_window", None)
    return found


def _mappings() -> tuple[dict[str, str], dict[str, str]]:
    import_transformers()
    from transformers.models.auto import modeling_auto

    causal: Any = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked: Any = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return causal, masked
