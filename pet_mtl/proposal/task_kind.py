"""What the proposed task says of its kind: in the pattern file with reasons, and in the output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.columns import Roles, last_key
from pet_mtl.proposal.pattern_file import yaml_value
from pet_mtl.proposal.presets import Preset, find_preset
from pet_mtl.proposal.scales import ALIKE_WORDS, ENDS, level_separator, level_words, levels
from pet_mtl.proposal.wording import WORDINGS

PROPOSED = ("classification", "multi_label", "ordered", "similarity")
_MAY_BE_LEVELS = ("stars", "topics")  # known sets of labels; others are no levels


@dataclass(frozen=True)
class TaskKind:
    """A task's kind.

    Attributes:
        keys: of the task's section, each with a comment; none for plain labels.
        facts: the same for machines.
        told: why, and how to have it otherwise, in one line.
    """

    keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""


def sets_of_labels(separator: str, none: str | None) -> TaskKind:
    """Describe rows with several labels; `none` is a word that stands for none of them."""
    keys = {"kind": ("multi_label", "a row has a set of labels")}
    if separator:
        keys["separator"] = (yaml_value(separator), "between the labels of a row")
    if none:
        keys["no"] = (f"[{none}]", "stands for none of the labels")
    between = f"`separator: {yaml_value(separator)}`" if separator else "lists"
    return TaskKind(
        keys,
        {"kind": "multi_label", "separator": separator},
        f"several labels a row ({between}): the task is of `kind: multi_label`; where a cell is "
        "one label: `--kind classification`",
    )


def find_kind(
    names: dict[str, str],
    roles: Roles,
    *,
    column: str,
    texts: Sequence[str],
    language: str,
    asked: str | None,
    file: str,
) -> tuple[TaskKind, dict[str, str], Preset | None]:
    """Return the kind of a task, what its labels are called, in the order of their scale where they
    have one, and words for them where they are known.

    Args:
        names: what each label is called.
        column: of the label.
        texts: names of the text columns.
        asked: the kind that a person wants.

    Raises:
        PetMtlError: levels are asked for, and no order of the labels is known.
    """
    if roles.ends:
        words = dict(zip(ENDS, ALIKE_WORDS[language], strict=True))
        return _scores(roles.ends), names, Preset("similarity", words)
    plain = asked is None and roles.separator is None
    tree = level_separator(list(names)) if plain and roles.names is None else None
    if tree:
        leaves = {label: label.rpartition(tree)[2].strip() for label in names}
        names = leaves if len(set(leaves.values())) == len(leaves) else names
    preset = find_preset(
        names,
        column=last_key(column),
        texts=texts,
        language=language,
        entailment=WORDINGS[language].entailment,
    )
    if tree:
        return _leaves(tree), names, preset
    wanted = asked == "ordered"
    order = None
    if wanted or (plain and (preset is None or preset.name in _MAY_BE_LEVELS)):
        # numbers of pairs may be codes whatever their column is called
        told = column.rpartition(".")[2] if len(texts) == 1 else ""
        order = levels(names, told, asked=wanted)
    if order:
        if preset is None or preset.name == "topics":
            preset = level_words(names, language) or preset
        return _levels(order), {label: names[label] for label in order}, preset
    if wanted:
        raise PetMtlError(
            f"the order of the labels of column `{column}` is not known",
            where=file,
            hint="`--kind classification`, then put the lines of the verbalizer in order, the "
            "lowest first, and write `kind: ordered` into the pattern file",
        )
    return TaskKind(), names, preset


def _levels(order: Sequence[str]) -> TaskKind:
    shown = " < ".join(order if len(order) <= 6 else [*order[:2], "…", order[-1]])
    return TaskKind(
        {
            "kind": (
                "ordered",
                "by the names of labels or column; verbalizer: lowest first; codes: delete it",
            )
        },
        {"kind": "ordered"},
        f"levels of a scale ({shown}): the task is of `kind: ordered`; where they are mere codes: "
        "`--kind classification`",
    )


def _scores(ends: Sequence[int]) -> TaskKind:
    low, high = ends
    return TaskKind(
        {
            "kind": ("similarity", "a row has a number; labels: `init --kind classification`"),
            "range": (f"[{low}, {high}]", "the lowest and the highest number there can be"),
        },
        {"kind": "similarity", "range": [low, high]},
        f"numbers from {low} to {high}: the task is of `kind: similarity`; where they are labels: "
        "`--kind classification`",
    )


def _leaves(separator: str) -> TaskKind:
    keys = {"levels": ("joint", "scores upper names, too; plain labels: delete this")}
    if separator != "/":
        keys["level_separator"] = (yaml_value(separator), "between the names; delete it, too")
    return TaskKind(
        keys,
        {"levels": "joint", "level_separator": separator},
        f"names of several levels (`level_separator: {yaml_value(separator)}`): the task has "
        "`levels: joint`; where they are plain labels: `--kind classification`",
    )
