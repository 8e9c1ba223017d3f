"""The `--from-scratch` file: the shape of a new BERT, its vocabulary, and how it is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pet_mtl.cloze.batch import LENGTH_STEP, round_up
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.pretraining.settings import KeptLayers, PretrainSettings, read_settings
from pet_mtl.random_streams import NEW_MODEL
from pet_mtl.suite.validation import found, name_hint, validate
from pet_mtl.suite.yaml_file import read_yaml

VERSION = 1
MOST_PARAMETERS = 4 * 10**9  # beyond, weights and moments fill the memory of any one machine
KEYS = ("version", "model", "vocabulary", "train")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Shape(_Section):
    """The size of a BERT."""

    hidden_size: int = Field(ge=8, le=1 << 16, description="width")
    layers: int = Field(ge=1, le=1000, description="number of layers")
    heads: int = Field(ge=1, le=1 << 16, description="attention heads of a layer")
    intermediate: int | None = Field(
        default=None, ge=8, le=1 << 18, description="inner width of a layer; null: 4 × hidden_size"
    )
    positions: int = Field(default=512, ge=8, le=1 << 20, description="longest input in tokens")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="dropout everywhere, also written into the model"
    )

    @model_validator(mode="after")
    def _can_be_built(self) -> "Shape":
        if self.hidden_size % self.heads:
            raise ValueError(
                f"`hidden_size` {self.hidden_size} cannot be shared by {self.heads} heads"
            )
        if (parameters := self.parameters(0)) > MOST_PARAMETERS:
            raise ValueError(
                f"this model has {parameters:,} parameters, more than {MOST_PARAMETERS:,}: "
                "give it fewer or narrower layers"
            )
        return self

    def parameters(self, pieces: int) -> int:
        """Return how many parameters the matrices have, with a vocabulary of so many pieces."""
        width, inner = self.hidden_size, self.intermediate or 4 * self.hidden_size
        return width * (pieces + self.positions + self.layers * (4 * width + 2 * inner))


class TakenShape(KeptLayers):
    """A model that starts from layers of the teacher, with its embeddings and head.

    The sizes are the teacher's; those that are written are only compared with it.
    """

    model_config = ConfigDict(extra="forbid")

    hidden_size: int | None = Field(default=None, description="width")
    layers: int | None = Field(default=None, description="number of layers")
    heads: int | None = Field(default=None, description="attention heads of a layer")
    intermediate: int | None = Field(default=None, description="inner width of a layer")
    positions: int | None = Field(default=None, description="longest input in tokens")
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="dropout everywhere; null: the teacher's own"
    )

    def check(self, config: Any) -> None:
        """Refuse sizes that are not the teacher's.

        Raises:
            PetMtlError: with every one.
        """
        problems = ProblemList()
        for name, its in (
            ("hidden_size", config.hidden_size),
            ("layers", len(self.from_layers)),
            ("heads", config.num_attention_heads),
            ("intermediate", config.intermediate_size),
            ("positions", config.max_position_embeddings),
        ):
            wanted = getattr(self, name)
            if wanted is not None and wanted != its:
                problems.add(
                    f"`{name}` is {wanted}, but what starts from the teacher's layers has {its}",
                    where=f"model.{name}",
                    hint="leave it out",
                )
        problems.raise_if_any()


class VocabularySpec(_Section):
    """What the vocabulary holds: built from the corpus, or taken from a tokenizer folder."""

    size: int = Field(default=8192, ge=16, le=1 << 22, description="most pieces")
    min_frequency: int = Field(
        default=2,
        ge=1,
        le=1_000_000_000,
        description="how often a character or a Latin piece must occur",
    )
    latin: int = Field(
        default=1000,
        ge=0,
        le=1 << 22,
        description="most pieces of Latin words; characters have the rest",
    )
    words: int = Field(
        default=0,
        ge=0,
        le=1 << 22,
        description="most pieces that are Chinese words; 0: every Chinese character is a piece",
    )
    tokenizer: str | None = Field(
        default=None, description="folder of a tokenizer to use instead, from the file's folder"
    )

    @property
    def counting(self) -> list[str]:
        """Return the settings that only a vocabulary which is counted has.

        >>> VocabularySpec(size=100, tokenizer="zh-small").counting
        ['size']
        """
        fields = type(self).model_fields
        given = [name for name in fields if getattr(self, name) != fields[name].default]
        return [name for name in given if name != "tokenizer"]


class Recipe(_Section):
    """A whole `--from-scratch` file; `base` is the folder that its paths start from."""

    model: Shape | TakenShape
    vocabulary: VocabularySpec
    train: PretrainSettings
    base: str


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; `overrides` are `key=value` texts, keys without a section belong to `train:`.

    Raises:
        PetMtlError: with every problem of the file and the overrides.
    """
    document = read_yaml(path)
    problems = ProblemList()
    tree: Any = document.tree
    if not isinstance(tree, dict):
        raise PetMtlError(
            f"must have keys and values, found {found(tree)}",
            where=document.where(()),
            hint="start with: version: 1",
        )
    train = read_settings(document, overrides, problems)
    for key in tree:
        if key not in KEYS:
            problems.add(
                f"unknown key `{key}`", where=document.where((key,)), hint=name_hint(key, KEYS)
            )
    if tree.get("version") != VERSION or isinstance(tree.get("version"), bool):
        problems.add(
            f"`version` must be {VERSION}, found {found(tree.get('version'))}",
            where=document.where(("version",)),
        )
    shape = None
    if "model" not in tree:
        problems.add(
            "`model` is missing",
            where=document.where(()),
            hint="say the shape: model: {hidden_size: 256, layers: 4, heads: 4}",
        )
    else:
        taken = isinstance(tree["model"], dict) and "from_layers" in tree["model"]
        kind: type[Shape] | type[TakenShape] = TakenShape if taken else Shape
        shape = validate(kind, tree["model"], document, ("model",), problems)
    section = tree.get("vocabulary")
    vocabulary = validate(
        VocabularySpec, {} if section is None else section, document, ("vocabulary",), problems
    )
    problems.problems.sort(key=document.order)
    problems.raise_if_any()
    assert shape is not None
    assert vocabulary is not None
    assert train is not None
    positions = shape.positions
    if positions is not None and round_up(train.max_length) > positions:
        raise PetMtlError(
            f"`train.max_length` is {train.max_length}, but `model.positions` is {positions}",
            where=document.where(("train", "max_length")),
            hint=f"rows are padded to a multiple of {LENGTH_STEP}: set it to at most "
            f"{positions // LENGTH_STEP * LENGTH_STEP}",
        )
    return Recipe(model=shape, vocabulary=vocabulary, train=train, base=str(path.parent.resolve()))


def build_mlm(
    shape: Shape, vocab_size: int, pad_id: int, *, seed: int, attention: str, dropout: float | None
) -> Any:
    """Return a new BERT with random weights that are a function of the seed."""
    from transformers import BertConfig, BertForMaskedLM

    rate = shape.dropout if dropout is None else dropout
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate or 4 * shape.hidden_size,
        max_position_embeddings=shape.positions,
        hidden_dropout_prob=rate,
        attention_probs_dropout_prob=rate,
        pad_token_id=pad_id,
    )
    config._attn_implementation = attention
    NEW_MODEL.start(seed)
    return BertForMaskedLM(config)
