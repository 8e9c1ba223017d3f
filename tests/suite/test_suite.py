import json
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import SplitSpec

TEXT = """\
version: 1
model: zh-mini
tasks:
  a:
    prefix: "甲："
    patterns: ["{mask}{text}"]
    verbalizer: words.txt
    columns: {text: 1, label: 2}
    data: {train: a.tsv, dev: {split: 0.1}}
  b:
    patterns: "{mask}{text}"
    verbalizer: {0: 坏, 1: 好}
    columns: {text: text, label: target}
    data: {train: [b1.jsonl, b2.jsonl], dev: b3.jsonl}
train:
  epochs: 2
sampling:
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    Path("p/words.txt").write_text("x 一\ny 二 两\n", encoding="utf-8")
    Path("p/my.yaml").write_text(TEXT, encoding="utf-8")
    return Path("p/my.yaml")


def problems(path: Path, **arguments: Any) -> list[str]:
    with pytest.raises(PetMtlError) as caught:
        load_suite(path, **arguments)
    return [str(problem) for problem in caught.value.problems]


def test_a_suite_says_what_the_file_says(path: Path) -> None:
    suite = load_suite(path)
    assert (suite.name, suite.model, suite.source, suite.base) == (
        "my",
        "zh-mini",
        "p/my.yaml",
        str(Path("p").resolve()),
    )
    assert list(suite.tasks) == ["a", "b"]
    assert suite.tasks["a"].name == "a"
    assert suite.tasks["a"].verbalizer.words == (("一",), ("二", "两"))
    assert suite.tasks["a"].verbalizer.where(1) == "p/words.txt:2"
    assert suite.tasks["b"].verbalizer.where(1) == "p/my.yaml:12"
    assert suite.tasks["b"].data.train == ("b1.jsonl", "b2.jsonl")
    assert suite.train == TrainSettings(epochs=2, learning_rate=4e-4)
    assert suite.sampling == SamplingSettings()


def test_json_round_trip(path: Path) -> None:
    suite = load_suite(path)
    again = Suite.model_validate(json.loads(suite.model_dump_json()))
    assert again == suite
    assert list(again.tasks) == list(suite.tasks)


def test_overrides(path: Path) -> None:
    overrides = [
        "train.learning_rate=1e-4",
        "tasks.a.prefix=乙: ",
        "sampling.temperature=0",
        "model=other",
    ]
    suite = load_suite(
        path, overrides=[*overrides, "tasks.b.data.dev=null", "tasks.b.verbalizer.1=棒"]
    )
    assert suite.train == TrainSettings(epochs=2, learning_rate=1e-4)
    assert suite.tasks["a"].prefix == "乙: "
    assert suite.sampling.temperature == 0
    assert suite.model == "other"
    assert suite.tasks["b"].data.dev is None
    assert suite.tasks["b"].verbalizer.words == (("坏",), ("棒",))


def test_problems_of_overrides_have_their_place(path: Path) -> None:
    overrides = [
        "train.epohcs=5",
        "tasks.c.prefix=x",
        "foo.bar=1",
        "tasks.a.patterns.0={text}",
        "x",
        "train.seed=a",
    ]
    assert problems(path, overrides=overrides) == [
        "-s tasks.c.prefix=x: no task `c`\n  hint: known: `a`, `b`",
        "-s x: not of the form `key=value`\n  hint: for example: -s train.epochs=5",
        "-s foo.bar=1: unknown key `foo`\n  hint: known: `version`, `model`, `data_root`, "
        "`tasks`, `method`, `train`, `sampling`",
        "-s tasks.a.patterns.0={text}: no `{mask}` in the pattern `{text}`"
        "\n  hint: put `{mask}` where the label word goes",
        '-s train.seed=a: `train.seed` must be a whole number, found `"a"`',
        "-s train.epohcs=5: unknown key `epohcs`\n  hint: did you mean `epochs`?",
    ]


def test_words_of_an_override_have_its_place(path: Path) -> None:
    override = "tasks.a.verbalizer={x: 一, y: 一}"
    assert problems(path, overrides=[override])[0].startswith(f'-s {override}: labels "x"')
    fine = load_suite(path, overrides=[("tasks.a.verbalizer={x: 一, y: 二}")]).tasks["a"].verbalizer
    assert fine.where(1) == "p/my.yaml"


def test_model_argument(path: Path) -> None:
    assert load_suite(path, model="x/y", overrides=["model=z"]).model == "x/y"
    path.write_text(TEXT.replace("model: zh-mini\n", ""), encoding="utf-8")
    assert load_suite(path, model="x/y").model == "x/y"
    assert problems(path) == [
        "p/my.yaml:1: `model` is missing\n  hint: for example: model: zh-mini"
    ]
    assert problems(path, model="") == ['--model : `model` must be text, found `""`']


def test_data_root(path: Path, tmp_path: Path) -> None:
    assert load_suite(path, data_root=Path("d")).base == str(tmp_path.resolve() / "d")
    path.write_text(TEXT + "data_root: ../data\n", encoding="utf-8")
    assert load_suite(path).base == str(tmp_path.resolve() / "data")
    assert load_suite(path, data_root=Path("d")).base == str(tmp_path.resolve() / "d")
    assert load_suite(path, overrides=["data_root=/abs"]).base == "/abs"


def test_other_verbalizers(path: Path) -> None:
    Path("other.txt").write_text("x 甲\ny 乙\n", encoding="utf-8")
    suite = load_suite(path, verbalizers={"a": Path("other.txt")})
    assert suite.tasks["a"].verbalizer.words == (("甲",), ("乙",))
    assert suite.tasks["a"].verbalizer.source == "other.txt"
    assert problems(path, verbalizers={"c": Path("other.txt"), "b": Path("no.txt")}) == [
        "--verbalizer c=other.txt: no task `c`\n  hint: known: `a`, `b`",
        f"no.txt: file not found\n  hint: it was looked for in `{Path.cwd()}`",
    ]


def test_other_verbalizers_leave_the_labels_in_their_order(path: Path) -> None:
    """It may be that of a scale, or of `thresholds`; with other labels it is the file's."""
    Path("other.txt").write_text("# words\ny 乙 丙\nx 甲\n", encoding="utf-8")
    found = load_suite(path, verbalizers={"a": Path("other.txt")}).tasks["a"].verbalizer
    assert (found.labels, found.words) == (("x", "y"), (("甲",), ("乙", "丙")))
    assert [found.where(number) for number in range(2)] == ["other.txt:3", "other.txt:2"]
    Path("other.txt").write_text("z 丁\ny 乙\nx 甲\n", encoding="utf-8")
    found = load_suite(path, verbalizers={"a": Path("other.txt")}).tasks["a"].verbalizer
    assert found.labels == ("z", "y", "x")


TOP = [
    (
        "version: 1\n",
        "",
        ("p/my.yaml:1: `version` is missing\n  hint: add a first line: version: 1"),
    ),
    ("version: 1", "version: 2", "p/my.yaml:1: written for a newer pet-mtl: `version: 2`"),
    ("version: 1", "version: 0", "p/my.yaml:1: `version` must be 1, found `0`"),
    ("version: 1", "version: '1'", 'p/my.yaml:1: `version` must be 1, found `"1"`'),
    ("version: 1", "version: 1.0", "p/my.yaml:1: `version` must be 1, found `1.0`"),
    ("version: 1", "version: true", "p/my.yaml:1: `version` must be 1, found `true`"),
    ("model: zh-mini", "model: 3", "p/my.yaml:2: `model` must be text, found `3`"),
    ("model: zh-mini", "model:", "p/my.yaml:2: `model` must be text, found nothing"),
    (
        "model: zh-mini",
        "model: a\ndata_root: [x]",
        "p/my.yaml:3: `data_root` must be text, found a list",
    ),
    (
        "sampling:",
        "samplng:",
        "p/my.yaml:17: unknown key `samplng`\n  hint: did you mean `sampling`?",
    ),
    ("sampling:", "sampling: 3", ("p/my.yaml:17: `sampling` must be keys and values, found `3`")),
    ("  epochs: 2", "  epochs: 0", ("p/my.yaml:16: `train.epochs` must be above 0, found `0`")),
    (
        "words.txt",
        "wrds.txt",
        ("p/my.yaml:7: verbalizer file `p/wrds.txt` not found\n  hint: did you mean `words.txt`?"),
    ),
    ("  b:", "  a:", "p/my.yaml:10: duplicate key `a`, first on line 4"),
    ("  b:", "\tb:", "p/my.yaml:10: a tab is used as indentation"),
]


@pytest.mark.parametrize(("old", "new", "start"), TOP)
def test_problems_of_the_file(old: str, new: str, start: str, path: Path) -> None:
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    (shown,) = problems(path)
    assert shown.startswith(start)


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ("version: 1\nmodel: a\n", "p/my.yaml:1: `tasks` is missing"),
        (
            "version: 1\nmodel: a\ntasks:\n",
            "p/my.yaml:3: `tasks` must have one key per task, found nothing",
        ),
        (
            "version: 1\nmodel: a\ntasks: [a]\n",
            "p/my.yaml:3: `tasks` must have one key per task, found a list",
        ),
        (
            "- a\n",
            (
                "p/my.yaml:1: must have keys and values, found a list\n  hint: start with: "
                "version: 1"
            ),
        ),
        ("hello\n", 'p/my.yaml:1: must have keys and values, found `"hello"`'),
        ("", "p/my.yaml: the file is empty"),
    ],
)
def test_files_without_tasks(content: str, start: str, path: Path) -> None:
    path.write_text(content, encoding="utf-8")
    (shown,) = problems(path)
    assert shown.startswith(start)


def test_all_problems_come_at_once_in_the_order_of_the_file(path: Path) -> None:
    Path("p/words.txt").write_text("x 一\ny\n", encoding="utf-8")
    broken = (
        TEXT.replace("version: 1", "version: 9")
        .replace("{mask}{text}", "{mask}{txt}")
        .replace("epochs: 2", "epochs: x")
    )
    path.write_text(broken, encoding="utf-8")
    assert [shown.split(": ")[0] for shown in problems(path)] == [
        "p/my.yaml:1",
        "p/my.yaml:6",
        "p/my.yaml:11",
        "p/my.yaml:16",
        "p/words.txt:2",
    ]


@pytest.mark.parametrize("name", ["default", "tianchi", "causal"])
def test_bundled_suites(name: str) -> None:
    suite = load_suite(bundled_pattern_file(name))
    assert list(suite.tasks) == ["tnews", "ocemotion", "ocnli"]
    assert [len(task.verbalizer.labels) for task in suite.tasks.values()] == [15, 7, 3]
    prefixes = {task.prefix for task in suite.tasks.values()}
    assert len(prefixes) == 3
    assert all(prefixes)
    for task in suite.tasks.values():
        fields = {field for source in task.patterns for field in parse_pattern(source).fields}
        assert fields == set(task.fields)
    assert Suite.model_validate(json.loads(suite.model_dump_json())) == suite


def test_bundled_words_have_one_and_several_lengths() -> None:
    tasks = load_suite(bundled_pattern_file("default")).tasks
    lengths = {
        name: {len(word) for row in task.verbalizer.words for word in row}
        for name, task in tasks.items()
    }
    assert lengths == {"tnews": {2}, "ocemotion": {2, 3}, "ocnli": {2}}


def test_tianchi_holds_a_share_of_the_training_rows_out() -> None:
    for task in load_suite(bundled_pattern_file("tianchi")).tasks.values():
        assert task.data.dev == SplitSpec(split=0.1)
        assert task.data.train[0].endswith("_train.csv")
