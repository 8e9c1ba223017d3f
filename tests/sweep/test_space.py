"""What a sweep file says, and what is wrong with it."""

import json
from pathlib import Path

import pytest
from called import Call

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep.axes import Choices, Range
from pet_mtl.sweep.space import Space, read_space


def space_of(text: str, suite_file: Path) -> Space:
    file = suite_file.with_name("sweep.yaml")
    file.write_text(text, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    return read_space(file, load)


def test_ranges_choices_and_fixed_settings(suite_file: Path) -> None:
    space = space_of(
        """\
trials: 7
seed: 3
pruning: false
train.learning_rate: [1e-4, 4e-4]
train.dropout: [0.0, 0.2]
train: {max_steps: [2, 5], warmup: 0.5}
tasks.topic.patterns: ["{mask}。{title}", "{title}{mask}", "{mask}{title}"]
train.label_smoothing: {low: 0.0, high: 0.2, step: 0.1}
method: {choices: [pet, cln]}
""",
        suite_file,
    )
    assert (space.trials, space.seed, space.pruning) == (7, 3, False)
    assert space.fixed == {"train.warmup": 0.5}
    assert space.searched == {
        "train.learning_rate": Range(1e-4, 4e-4, log=True),
        "train.dropout": Range(0.0, 0.2, log=False),
        "train.max_steps": Range(2, 5, log=False),
        "tasks.topic.patterns": Choices(("{mask}。{title}", "{title}{mask}", "{mask}{title}")),
        "train.label_smoothing": Range(0.0, 0.2, log=False, step=0.1),
        "method": Choices(("pet", "cln")),
    }
    assert space.overrides({"method": "cln"}) == ["train.warmup=0.5", "method=cln"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.epohcs: [1, 3]", "sweep.yaml:1: unknown key `epohcs`"),
        ("trials: 2\nspeed: [1, 3]", "sweep.yaml:2: unknown key `speed`"),
        ("tasks.topics.prefix: [a, b]", "sweep.yaml:1: no task `topics`"),
        ("train.dropout: [0.5, 1.5]", "sweep.yaml:1: `train.dropout` must be"),
        ("train.epochs: [3, 1]", "sweep.yaml:1: the range of `train.epochs` is empty: 3 to 1"),
        ("train.epochs: [2, 2]", "is empty"),
        ("train.epochs: [2]", "`train.epochs` has"),
        ("train.epochs: {choices: [2, 2]}", "has a choice twice"),
        ("train.epochs: {low: 1}", "needs `low` and `high`"),
        ("train.epochs: {low: 1, high: 3, steps: 1}", "unknown key `steps`"),
        ("train.dropout: {low: 0.0, high: 0.2, log: true}", "`low` must be above 0"),
        ("train.dropout: {low: 0.0, high: .inf}", "must be numbers"),
        (f"train.learning_rate: [1, 1{'0' * 400}]", "must be numbers"),
        (
            "train.max_steps: {low: 1, high: 10, step: .inf}",
            "`train.max_steps.step` must be at most",
        ),
        (
            "train.dropout: {low: 0.0, high: 0.2, step: .inf}",
            "`train.dropout.step` must be at most",
        ),
        ("train.dropout: {low: 0.0, high: 0.2, step: 5}", "`train.dropout.step` must be at most"),
        (
            "train.dropout: {low: 0.0, high: 0.2, step: 1e-320}",
            "`train.dropout.step` must be at most",
        ),
        (
            "train.dropout: [0.1, 0.2]\ntrain: {dropout: 0.0}",
            "sweep.yaml:2: `train.dropout` is set twice",
        ),
        (
            'tasks.topic.patterns.0: ["{mask}{title}", "{title}{mask}"]\n'
            'tasks.topic.patterns: ["{mask}。{title}", "{title}。{mask}"]',
            "sweep.yaml:2: `tasks.topic.patterns` is set twice, by `tasks.topic.patterns.0` too",
        ),
        ("method.name: heads\nmethod.size: [1, 2]", "sweep.yaml:2: unknown key `size`"),
        ("method.size: 2\nmethod.name: heads\ntrain.epochs: [1, 2]", "sweep.yaml:1"),
        (f"train.seed: {{choices: {[*range(1001)]}}}", "has 1,001 choices, 1,000 are allowed"),
        ("trials: 0\ntrain.epochs: [1, 2]", "`trials` must be a whole number from 1"),
        ("pruning: 1\ntrain.epochs: [1, 2]", "`pruning` must be true or false"),
        ("tasks.topic.metric: [accuracy, macro_f1]", "sweep.yaml:1: `tasks.topic.metric` cannot"),
        ("tasks.topic.data: {dev: [topic.dev.tsv, pair.dev.tsv]}", "`tasks.topic.data.dev` cannot"),
        ("train.epochs: 2", "nothing to search"),
        ("- a", "must have settings as keys"),
        ("tasks.topic.verbalizer: [topic.txt, none.txt]", "none.txt"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(suite_file: Path, text: str, message: str) -> None:
    with pytest.raises(PetMtlError) as error:
        space_of(text, suite_file)
    assert message in str(error.value)
    assert "-s " not in str(error.value)


def test_values_are_tried_beside_those_of_all_trials(suite_file: Path) -> None:
    """`pet`, the method of the pattern file, has no `features`."""
    space = space_of("method.features: [mean, max]\nmethod.name: heads", suite_file)
    assert space.fixed == {"method.name": "heads"}
    assert space.searched == {"method.features": Choices(("mean", "max"))}


def test_an_empty_section_is_a_value(suite_file: Path) -> None:
    """It takes away what the pattern file has."""
    text = suite_file.read_text(encoding="utf-8")
    suite_file.write_text(f"{text}  losses: {{focal: {{gamma: 2}}}}\n", encoding="utf-8")
    space = space_of("train: {losses: {}, epochs: [1, 2]}", suite_file)
    suites = [load_suite(suite_file, overrides=o) for o in ([], space.overrides({}))]
    assert [suite.train.losses.focal is None for suite in suites] == [False, True]


def test_a_text_stays_one(suite_file: Path) -> None:
    texts = ("2024", "1e-4", "null", "[a]", "'x'", "新闻：")
    space = space_of(f"tasks.topic.prefix: {json.dumps(texts)}", suite_file)
    for text in texts:
        suite = load_suite(suite_file, overrides=space.overrides({"tasks.topic.prefix": text}))
        assert suite.tasks["topic"].prefix == text


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        (1, ["-s", "train.dropout=0.1"], "-s train.dropout=0.1: `train.dropout` is searched"),
        (2, ["-s", "train.warmup=0.1"], "-s train.warmup=0.1: `train.warmup` has a value"),
        (3, ["-s", "tasks.topic.patterns.0={title}{mask}"], "`tasks.topic.patterns` is searched"),
        (4, ["--model", "other"], "--model: `model` has a value"),
    ],
)
def test_what_the_file_says_is_not_said_again(
    call: Call, suite_file: Path, tmp_path: Path, line: int, options: list[str], message: str
) -> None:
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    model = load_suite(suite_file).model
    file = suite_file.with_name("sweep.yaml")
    file.write_text(
        "train.dropout: [0.0, 0.2]\n"
        "train: {warmup: 0.5}\n"
        'tasks.topic.patterns: ["{mask}。{title}", "{title}{mask}", "{mask}{title}"]\n'
        f"model: {model}\n"
    )
    command = ["sweep", str(file), "--patterns", str(suite_file), "--out", str(tmp_path / "out")]
    ran = call(*command, *options)
    assert (ran.code, ran.out) == (2, ""), ran
    assert message in ran.err
    assert f"hint: take it out of {file}:{line}" in ran.err
    assert not (tmp_path / "out").exists()


def test_the_model_of_the_command_line_is_the_one_that_train_takes(
    call: Call, suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    from pet_mtl.sweep import run

    taken = []

    def sweep(request: run.SweepRequest, out: Path) -> None:
        taken.append(request.space.fixed["model"])
        raise PetMtlError("seen")

    monkeypatch.setattr(run, "sweep", sweep)
    monkeypatch.chdir(tmp_path)
    file = suite_file.with_name("sweep.yaml")
    file.write_text("train.dropout: [0.0, 0.2]\n")
    for name in ("zh-mini", "own"):
        (tmp_path / name).mkdir()
        call("sweep", str(file), "--patterns", str(suite_file), "--model", name)
    assert taken == ["zh-mini", str(tmp_path / "own")]
