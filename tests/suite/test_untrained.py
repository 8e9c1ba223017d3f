"""A task whose rows count nothing has no parts that its own rows alone would train."""

from pathlib import Path

import pytest
from chained_toys import write_chained

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.idle import refuse_untrained
from pet_mtl.suite.suite import load_suite

NOTHING = "train.weighting={colour: 0}"


def chained(folder: Path, *overrides: str, more: str = "", **settings: str) -> None:
    file = write_chained(folder, folder / "model", more)
    refuse_untrained(load_suite(file, overrides=[NOTHING, *overrides], **settings), taught=())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "part"),
    [
        ("verbalizer_kind=prototypical", "`verbalizer_kind: prototypical`"),
        ('patterns=["{soft:2}{mask}文：{text}"]', r"`{soft:…}`"),
        ("pattern_weights=learned", "`pattern_weights: learned`"),
    ],
)
def test_parts_that_no_row_would_train_are_refused(tmp_path: Path, own: str, part: str) -> None:
    override = f"tasks.colour.{own}"
    with pytest.raises(PetMtlError, match=f"^.*{part} of `colour` learns from .* weight 0"):
        chained(tmp_path, override)
    chained(tmp_path, override, more="    detach: false\n")  # `mood` trains them
    with pytest.raises(PetMtlError, match="of `colour` learns from"):
        chained(tmp_path, override, "train.weighting.mood=0", more="    detach: false\n")


def test_words_alone_need_no_training(tmp_path: Path) -> None:
    chained(tmp_path)


def test_a_classifier_that_no_row_would_train_is_refused(tmp_path: Path) -> None:
    plain = 'tasks.mood.patterns=["{text}{mask}"]'
    with pytest.raises(PetMtlError, match="the classifier of `colour` learns from"):
        chained(tmp_path, plain, method="heads")
