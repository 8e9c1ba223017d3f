"""Settings that do nothing beside others are told, and what cannot be learned is refused."""

from typing import Any

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.objectives.terms import adapet, contrastive, mlm
from pet_mtl.objectives.terms.term import Facts
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.idle import idle_in_length, idle_settings, refuse_untrained
from pet_mtl.suite.levels import UpperWords
from pet_mtl.suite.losses import AdapetSettings, ContrastiveSettings, MlmSettings
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
            ["train.losses.adapet={decoupled: 0, conditioned: 0}", "train.label_smoothing=0.1"],
            [],  # without the term the labels are learned from as ever
        ),
        (
            ["train.losses.contrastive={weight: 1.0}", "train.logit_adjustment=0.3"],
            ["train.logit_adjustment"],
        ),
        (
            ["train.losses.mlm={alpha: 1.0}", "train.losses.class_weights={}"],
            ["train.losses.class_weights"],
        ),
        (["train.losses.mlm={balance: alternating}", "train.label_smoothing=0.1"], []),
        (["train.losses.mlm={alpha: 1.0, balance: positions}"], ["train.losses.mlm.alpha"]),
        (
            ["train.losses.adapet={conditioned: 0, rate: 0.2, own: 0.7, labels: 1}"],
            ["train.losses.adapet.rate", "train.losses.adapet.own"],
        ),
        (["train.losses.adapet={conditioned: 0.5, rate: 0.2, labels: 1}"], []),
        ([ADAPET, "train.logit_adjustment=0.3", "train.losses.r_drop={}"], []),
        (["train.label_share=0.5"], ["train.label_share"]),
        (["train.surgery=mgda", "train.weighting=dwa"], []),
        (["tasks.tnews.pattern_weights=learned"], ["tasks.tnews.pattern_weights"]),
        (
            ["method=heads", "tasks.tnews.aggregation=max", "tasks.ocnli.slots=2"],
            ["tasks.tnews.aggregation", "tasks.ocnli.slots"],
        ),
        (["method={name: cln, prefix: true}"], []),
        (
            ["method={name: cln, prefix: true}"]
            + [f'tasks.{name}.prefix=""' for name in ("tnews", "ocemotion", "ocnli")],
            ["method.prefix"],
        ),
        (
            [
                "tasks.tnews.kind=multi_label",
                "tasks.tnews.threshold=0.3",
                f"tasks.tnews.thresholds={[0.5] * 15}",
            ],
            ["tasks.tnews.threshold"],
        ),
        (["tasks.tnews.kind=multi_label", f"tasks.tnews.thresholds={[0.4] * 15}"], []),
        (
            [
                *("tasks.tnews.verbalizer_kind=soft", "tasks.tnews.slots=2"),
                *("tasks.ocemotion.verbalizer_kind=soft", "tasks.ocemotion.slots=shared"),
            ],
            ["tasks.tnews.slots"],
        ),
        (
            [f"tasks.{name}.kind=entailment" for name in ("ocemotion", "ocnli")]
            + [f"tasks.{name}.question=是吗？{{mask}}" for name in ("ocemotion", "ocnli")]
            + ["tasks.ocemotion.patterns=['{mask}，{label}：{text}']"],
            ["tasks.ocemotion.question"],
        ),
        (
            [
                *("tasks.tnews.aggregation=max", "tasks.ocnli.aggregation=logsumexp"),
                "tasks.ocnli.verbalizer={'0': 无关, '1': 相同, '2': [相反, 矛盾]}",
            ],
            ["tasks.tnews.aggregation"],
        ),
    ],
)
def test_idle_settings(overrides: list[str], idle: list[str]) -> None:
    found = idle_settings(load(*overrides), taught=(), alone=True, drops=True)
    assert [line.split("`")[1] for line in found] == idle


LABEL_LOSS = [
    *("train.label_smoothing=0.1", "train.logit_adjustment=0.3"),
    *(f"train.losses.{name}={{}}" for name in ("focal", "class_weights", "hard_negatives")),
    "train.losses.adapet={labels: 0.5}",
]
FACTORS = ["losses.focal", "losses.class_weights", "losses.hard_negatives", "losses.adapet.labels"]


@pytest.mark.parametrize(
    ("share", "taught", "idle"),
    [
        ("0", ["tnews", "ocemotion", "ocnli"], ["label_smoothing", *FACTORS]),
        ("0", ["tnews", "ocemotion"], []),  # the third learns from its labels
        ("0.1", ["tnews", "ocemotion", "ocnli"], []),
        ("annealed", ["tnews", "ocemotion", "ocnli"], []),
    ],
)
def test_what_is_for_labels_is_idle_where_teachers_alone_count(
    share: str, taught: list[str], idle: list[str]
) -> None:
    suite = load(*LABEL_LOSS, f"train.label_share={share}")
    found = idle_settings(suite, taught=taught, alone=True, drops=True)
    assert found == [
        f"`train.{name}` does nothing: it is for the label loss, which counts nothing beside "
        "`train.label_share: 0`"
        for name in idle
    ]


@pytest.mark.parametrize(
    ("share", "taught", "told"),
    [("1", ["tnews"], True), ("1", ["ocnli"], False), ("0.9", ["tnews"], False)],
)
def test_teachers_beside_labels_alone_speak_of_unlabelled_rows(
    share: str, taught: list[str], told: bool
) -> None:
    suite = load(f"train.label_share={share}", "tasks.ocnli.data.unlabelled=more.csv")
    found = idle_settings(suite, taught=taught, alone=True, drops=True)
    assert any("leaves teachers without effect" in line for line in found) == told


def test_sets_beside_labels_keep_what_acts_on_them() -> None:
    """`adapet` takes the label loss of rows with one label only, `mlm` that of all."""
    suite = load("train.label_smoothing=0.1", "train.losses.focal={}")
    one, *_ = suite.tasks.values()
    sets = one.model_copy(update={"kind": "multi_label"})
    smooth, focal = "train.label_smoothing", "train.losses.focal"
    for tasks, losses, idle in (
        ({"a": one, "b": sets}, {"adapet": AdapetSettings()}, [focal]),
        ({"a": one, "b": sets}, {"mlm": MlmSettings(alpha=1.0)}, [smooth, focal]),
        ({"b": sets}, {"mlm": MlmSettings(alpha=1.0)}, [smooth]),
    ):
        terms = suite.train.losses.model_copy(update=losses)
        train = suite.train.model_copy(update={"losses": terms})
        of_these = suite.model_copy(update={"tasks": tasks, "train": train})
        found = idle_settings(of_these, taught=(), alone=False, drops=True)
        assert [line.split("`")[1] for line in found] == idle


def test_adapet_has_nothing_to_say_of_paths() -> None:
    suite = load("train.losses={adapet: {}, focal: {}}", "train.label_smoothing=0.1")
    one, *_ = suite.tasks.values()
    above = UpperWords(labels=("news",), words=(("新闻",),))
    paths = one.model_copy(update={"levels": "by_level", "above": above})
    alike = {"taught": (), "alone": True, "drops": True}
    found = idle_settings(suite.model_copy(update={"tasks": {"a": paths}}), **alike)
    assert found == ["`train.losses.adapet` does nothing: labels of several levels are not one"]
    found = idle_settings(suite.model_copy(update={"tasks": {"a": paths, "b": one}}), **alike)
    assert found == []


@pytest.mark.parametrize(
    ("method", "more", "told"),
    [
        ("{name: pet, learning_rate: 0.001}", [], True),
        ("{name: pet, learning_rate: 0.001}", ["tasks.ocnli.verbalizer_kind=soft"], False),
        (
            "{name: pet, learning_rate: 0.001}",
            ["tasks.tnews.patterns={mask}{soft:2}：{title}"],
            False,
        ),
        ("{name: cln, learning_rate: 0.001}", [], False),
        ("{name: heads, learning_rate: 0.001}", [], False),
        ("pet", [], False),
    ],
)
def test_a_rate_of_learned_parts_needs_some(method: str, more: list[str], told: bool) -> None:
    suite = load(f"method={method}", *more)
    found = idle_settings(suite, taught=(), alone=True, drops=True)
    assert any("`method.learning_rate` does nothing" in line for line in found) == told


@pytest.mark.parametrize(
    ("overrides", "epochs", "evaluations", "idle"),
    [
        (["train.weighting=dwa"], 2, 2, ["train.weighting: dwa"]),
        (["train.weighting=dwa"], 3, 3, []),
        (["train.early_stop=3"], 4, 4, ["train.early_stop: 3"]),
        (["train.early_stop=3"], 5, 5, []),
        (["train.early_stop=3"], 5, 0, ["train.early_stop"]),
        (["train.early_stop=auto"], 1, 0, []),
        ([], 1, 0, []),
    ],
)
def test_what_needs_a_longer_run(
    overrides: list[str], epochs: int, evaluations: int, idle: list[str]
) -> None:
    found = idle_in_length(load(*overrides).train, epochs=epochs, evaluations=evaluations)
    assert [line.split("`")[1] for line in found] == idle


def test_an_adversary_between_tasks_is_idle_with_one() -> None:
    method = "method={name: heads, sharing: shared-private, adversarial: 0.05, orthogonality: 0.01}"
    for only, alone, told in (
        (["tnews"], True, ["`method.adversarial` does nothing with one task"]),
        (["tnews"], False, []),
        (["tnews", "ocnli"], True, []),
    ):
        suite = load(method, only=only)
        assert idle_settings(suite, taught=(), alone=alone, drops=True) == told


@pytest.mark.parametrize(
    ("only", "told"),
    [(["tnews"], ["`method.sharing` does nothing with one task"]), (["tnews", "ocnli"], [])],
)
def test_encoders_are_tied_between_tasks(only: list[str], told: list[str]) -> None:
    suite = load("method={name: heads, sharing: soft, penalty: 5.0}", only=only)
    assert idle_settings(suite, taught=(), alone=True, drops=True) == told


def test_what_is_between_tasks_is_idle_with_one() -> None:
    more = ["train.surgery=mgda", "train.weighting=dwa", "train.losses.task_discriminator={}"]
    more += ["sampling.temperature=0.2"]
    suite = load(*more, "train.label_share=0.5", only=["tnews"])
    found = idle_settings(suite, taught={"tnews"}, alone=True, drops=True)
    assert found == [
        f"`{name}` does nothing with one task"
        for name in (
            *("train.surgery", "train.weighting", "sampling.temperature"),
            "train.losses.task_discriminator",
        )
    ]
    assert (
        idle_settings(suite, taught=(), alone=False, drops=True) == []
    )  # other runs have them too


@pytest.mark.parametrize(
    "learned", ["verbalizer_kind=soft", "verbalizer_kind=weighted", "pattern_weights=learned"]
)
def test_scores_that_no_loss_would_train_are_refused(learned: str) -> None:
    suite = load(ADAPET, f"tasks.ocnli.{learned}")
    with pytest.raises(
        PetMtlError, match="`ocnli` learns from the label loss, which counts nothing"
    ):
        refuse_untrained(suite, taught=())
    refuse_untrained(suite, taught={"ocnli"})  # teachers train them
    refuse_untrained(load("train.losses.adapet={labels: 0.5}", f"tasks.ocnli.{learned}"), ())
    refuse_untrained(load(ADAPET, "tasks.ocnli.verbalizer_kind=knowledgeable"), ())


def test_weights_that_are_all_zero_are_refused() -> None:
    weights = "train.weighting={tnews: 0, ocnli: 0}"
    refuse_untrained(load(weights), taught=())  # of three tasks one is left
    with pytest.raises(PetMtlError, match="nothing would be learned"):
        refuse_untrained(load(weights, only=["tnews", "ocnli"]), taught=())


def test_sets_that_no_loss_would_train_are_refused() -> None:
    suite = load("train.losses.mlm={alpha: 1.0}", "tasks.tnews.verbalizer_kind=soft")
    sets = suite.tasks["tnews"].model_copy(update={"kind": "multi_label"})
    suite = suite.model_copy(update={"tasks": {"tnews": sets}})
    with pytest.raises(PetMtlError, match=r"counts nothing beside `train\.losses\.mlm`"):
        refuse_untrained(suite, taught=())


@pytest.mark.parametrize(
    "settings",
    [
        AdapetSettings(labels=0.3),
        ContrastiveSettings(weight=0.3),
        MlmSettings(alpha=0.3),
        MlmSettings(alpha=0.3, balance="positions"),
    ],
)
def test_terms_take_what_their_settings_say_of_the_label_loss(settings: Any) -> None:
    builders = {AdapetSettings: adapet, ContrastiveSettings: contrastive, MlmSettings: mlm}
    term = builders[type(settings)].build(settings, Facts())
    assert term is not None
    assert term.label_share == settings.label_share


R_DROP = "train.losses.r_drop={}"


@pytest.mark.parametrize(
    ("overrides", "drops", "told"),
    [
        ([R_DROP], False, True),
        ([R_DROP], True, False),
        (["train.losses.r_drop={alpha: 0}"], False, False),
        ([R_DROP, "method=heads"], False, False),  # before each decoder
        ([R_DROP, "method={name: heads, dropout: 0.0}"], False, True),
        ([R_DROP, "method=cln"], False, True),
    ],
)
def test_two_passes_need_dropout(overrides: list[str], drops: bool, told: bool) -> None:
    found = idle_settings(load(*overrides), taught=(), alone=True, drops=drops)
    assert any("without dropout" in line for line in found) == told


@pytest.mark.parametrize("kind", ["multi_label", "similarity"])
def test_what_is_for_one_label_a_row_is_idle_where_no_task_has_one(kind: str) -> None:
    names = ["focal", "class_weights", "hard_negatives", "adapet", "contrastive"]
    suite = load(*(f"train.losses.{name}={{}}" for name in names), "train.logit_adjustment=0.3")
    one, *_ = suite.tasks.values()
    other = one.model_copy(update={"kind": kind})
    for tasks, told in (({"a": other, "b": other}, True), ({"a": other, "b": one}, False)):
        of_these = suite.model_copy(update={"tasks": tasks})
        found = idle_settings(of_these, taught=(), alone=True, drops=True)
        idle = [line.split("`")[1] for line in found if "no task has one label a row" in line]
        wanted = [*(f"train.losses.{name}" for name in names), "train.logit_adjustment"]
        assert idle == (wanted if told else [])


UNLABELLED = "tasks.tnews.data.unlabelled=more.csv"


@pytest.mark.parametrize(
    ("overrides", "taught", "told"),
    [
        ([], [], False),  # `auto` calibrates
        (["tasks.tnews.calibration=none"], ["ocnli"], True),
        (["tasks.tnews.calibration=none"], ["tnews"], False),
        (["tasks.tnews.calibration=pmi"], [], True),
        (["tasks.tnews.data.dev=null"], [], True),  # `auto` decides on dev rows
        (["tasks.tnews.data.dev=null", "tasks.tnews.calibration=prior"], [], False),
        (["tasks.tnews.calibration=none", "tasks.tnews.verbalizer_kind=weighted"], [], False),
        (["tasks.tnews.calibration=none", "train.losses.mlm={text: both}"], [], False),
        (["tasks.tnews.calibration=none", "train.losses.mlm={}"], [], True),
        (["tasks.tnews.kind=multi_label"], [], True),
    ],
)
def test_rows_without_labels_need_somebody_who_reads_them(
    overrides: list[str], taught: list[str], told: bool
) -> None:
    suite, name = load(UNLABELLED, *overrides), "`tasks.tnews.data.unlabelled` does nothing"
    for alone in (True, False):
        found = idle_settings(suite, taught=taught, alone=alone, drops=True)
        assert any(name in line for line in found) == (told and alone)


def test_slots_are_of_masks() -> None:
    suite = load("tasks.tnews.slots=shared", "tasks.ocemotion.slots=2")
    for causal, told in ((True, ["tasks.tnews.slots", "tasks.ocemotion.slots"]), (False, [])):
        found = idle_settings(suite, taught=(), alone=True, drops=True, causal=causal)
        assert [line.split("`")[1] for line in found] == told
