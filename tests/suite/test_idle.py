"""Settings that do nothing beside others are told, and what cannot be learned is refused."""

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.idle import idle_settings
from pet_mtl.suite.suite import Suite, load_suite

ADAPET = "train.losses.adapet={}"


def load(*overrides: str, only: list[str] | None = None) -> Suite:
    plain = ["train.logit_adjustment=0", *overrides]
    return load_suite(bundled_pattern_file("tianchi"), overrides=plain, only=only)


@pytest.mark.parametrize(
    ("overrides", "idle"),
    [
        ([], []),
        (
            [ADAPET, "train.label_smoothing=0.1", "train.losses.focal={}"],
            ["train.label_smoothing", "train.losses.focal"],
        ),
        (["train.losses.adapet={labels: 0.1}", "train.label_smoothing=0.1"], []),
        (
            ["train.losses.contrastive={weight: 1.0}", "train.logit_adjustment=0.3"],
            ["train.logit_adjustment"],
        ),
        (
            ["train.losses.mlm={alpha: 1.0}", "train.losses.class_weights={}"],
            ["train.losses.class_weights"],
        ),
        (["train.losses.mlm={alpha: 1.0, balance: positions}", "train.label_smoothing=0.1"], []),
        (["train.label_share=0.5"], ["train.label_share"]),
        (["train.surgery=mgda", "train.weighting=dwa"], []),
    ],
)
def test_idle_settings(overrides: list[str], idle: list[str]) -> None:
    found = idle_settings(load(*overrides), taught=False)
    assert [line.split("`")[1] for line in found] == idle


def test_what_is_between_tasks_is_idle_with_one() -> None:
    more = ["train.surgery=mgda", "train.weighting=dwa", "train.losses.task_discriminator={}"]
    found = idle_settings(load(*more, "train.label_share=0.5", only=["tnews"]), taught=True)
    assert found == [
        f"`train.{name}` does nothing with one task"
        for name in ("surgery", "weighting", "losses.task_discriminator")
    ]


@pytest.mark.parametrize(
    "learned", ["verbalizer_kind=soft", "verbalizer_kind=weighted", "pattern_weights=learned"]
)
def test_scores_that_no_loss_would_train_are_refused(learned: str) -> None:
    with pytest.raises(PetMtlError, match="learns from the label loss alone"):
        load(ADAPET, f"tasks.ocnli.{learned}")
    load("train.losses.adapet={labels: 0.5}", f"tasks.ocnli.{learned}")
    load(ADAPET, "tasks.ocnli.verbalizer_kind=knowledgeable")
