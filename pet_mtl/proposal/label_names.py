"""A task for texts of which nothing is known but what the labels are called."""

from pet_mtl.data.memory import MEMORY
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.label_words import propose_words
from pet_mtl.proposal.presets import find_preset
from pet_mtl.proposal.settings import positions
from pet_mtl.proposal.wording import WORDINGS, language, pattern_for
from pet_mtl.resources import bundled_backbone
from pet_mtl.storage.pretrained import load_pieces, resolve_model
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite, suite_from_tree

TASK, OPTION = "texts", "--labels"
_COMMAS = str.maketrans("，、", ",,")  # as people write lists in Chinese


def suite_of_labels(labels: str, model: str) -> Suite:
    """Return a suite of one task, `texts`, with one field, `text`, for a model as it is; of tables
    it reads the column of that name, never another one.

    Its pattern is that of `init`, in the language of the labels, for an embedded backbone in
    Chinese; its calibration needs no rows.

    Args:
        labels: names, with commas between them; `NAME=WORD` where the label word is another one.

    Raises:
        PetMtlError: fewer than two labels, one twice, or one whose name the model does not know.
    """
    given = _read(labels)
    folder = resolve_model(model)
    tokenizer = load_pieces(folder)
    spoken = "zh" if bundled_backbone(model) else language([*given, *filter(None, given.values())])
    wording = WORDINGS[spoken]
    pattern = pattern_for(["text"], wording, causal=tokenizer.causal)
    names = {name: name for name, word in given.items() if word is None}
    preset = find_preset(
        names, column="label", texts=["text"], language=spoken, entailment=wording.entailment
    )
    proposed = propose_words(
        names,
        {name: [] for name in names},
        tokenizer,
        language=spoken,
        space_before=" {mask}" in pattern,
        preset=preset,
    )
    if unknown := [name for name, word in proposed.items() if word.guess]:
        raise PetMtlError(
            f"the model knows no word for the label `{unknown[0]}`",
            where=OPTION,
            hint=f"give one: {OPTION} {unknown[0]}=WORD,…",
        )
    words = {name: word or proposed[name].word for name, word in given.items()}
    longest = TrainSettings.model_fields["max_length"].default
    tree = {
        "version": 1,
        "model": model,
        "tasks": {
            TASK: {
                "patterns": pattern,
                "verbalizer": words,
                "columns": {"text": "text"},
                "data": {"unlabelled": MEMORY},  # the calibration needs no rows
                "calibration": "contextual",
            }
        },
        "train": {"max_length": min(longest, positions(folder))},
    }
    return suite_from_tree(tree, OPTION)


def _read(labels: str) -> dict[str, str | None]:
    """Return the labels, each with its word where one is given.

    >>> _read("好评=好, 差评、其他")
    {'好评': '好', '差评': None, '其他': None}
    """
    found: dict[str, str | None] = {}
    for item in labels.translate(_COMMAS).split(","):
        name, equals, word = (part.strip() for part in item.partition("="))
        if not name or (equals and not word):
            raise PetMtlError(
                "labels have the form NAME or NAME=WORD, with commas between them",
                where=f"{OPTION} {labels}",
                hint=f"for example: {OPTION} 体育,财经=经济",
            )
        if name in found:
            raise PetMtlError(f"the label `{name}` stands there twice", where=f"{OPTION} {labels}")
        found[name] = word or None
    if len(found) < 2:
        raise PetMtlError(
            "a task needs two labels or more, with commas between them",
            where=f"{OPTION} {labels}",
            hint=f"for example: {OPTION} 体育,财经",
        )
    return found
