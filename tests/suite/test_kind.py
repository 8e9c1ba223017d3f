"""Kinds of task in a pattern file: their keys, and what does not go together."""

from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite

FILE = """\
version: 1
model: zh-mini
tasks:
  toy:
    patterns: "{{mask}}{{text}}"
    verbalizer: {words}
    columns: {{text: 0, label: 1}}
    data: {data}
{more}
"""
TWO, THREE = '{"0": 坏, "5": 好}', '{"1": 一, "2": 二, "3": 三}'


def load(folder: Path, *more: str, words: str = TWO, data: str = "{train: a, dev: b}") -> Suite:
    file = folder / "toy.yaml"
    lines = "\n".join(f"    {line}" for line in more)
    file.write_text(FILE.format(words=words, data=data, more=lines), encoding="utf-8")
    return load_suite(file)


def test_a_task_classifies_unless_it_says_otherwise(tmp_path: Path) -> None:
    task = load(tmp_path).tasks["toy"]
    assert (task.kind, task.metric) == ("classification", "macro_f1")
    assert not {"kind", "separator", "no", "threshold", "thresholds", "range"} & set(
        task.model_dump()
    )


def test_kinds_and_their_keys(tmp_path: Path) -> None:
    task = load(tmp_path, "kind: multi_label", "no: 无", 'separator: "|"').tasks["toy"]
    assert (task.no, task.separator, task.fits_thresholds) == (("无",), "|", False)
    assert task.readings.labels == ("0", "5", "no")
    assert task.kind_spec.no
    task = load(tmp_path, "kind: multi_label", "threshold: 0.3").tasks["toy"]
    assert task.kind_spec.thresholds == (0.3, 0.3)
    task = load(tmp_path, "kind: similarity").tasks["toy"]
    assert (task.metric, task.kind_spec.range) == ("pearson", (0, 5))
    task = load(tmp_path, "kind: similarity", "range: [-1, 1]", "metric: spearman").tasks["toy"]
    assert (task.metric, task.kind_spec.range) == ("spearman", (-1, 1))
    task = load(tmp_path, "kind: ordered", "metric: mae", words=THREE).tasks["toy"]
    assert task.kind_spec.values == (1, 2, 3)
    task = load(tmp_path, "kind: ordered", words='{"bad": 坏, "so": 一, "good": 好}').tasks["toy"]
    assert task.kind_spec.values == (0, 1, 2)


@pytest.mark.parametrize("more", [(), ("threshold: auto",), ("threshold: 0.3",), ("no: 无",)])
def test_own_thresholds_are_not_fitted_and_need_no_dev_rows(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    own = "thresholds: [0.9, 0.95]"
    suite = load(tmp_path, "kind: multi_label", own, *more, data="{train: a}")
    stored = Suite.model_validate_json(suite.model_dump_json())
    for task in (suite.tasks["toy"], stored.tasks["toy"]):
        assert not task.fits_thresholds
        assert task.kind_spec.thresholds == (0.9, 0.95)


def test_a_stored_suite_is_read_back(tmp_path: Path) -> None:
    suite = load(tmp_path, "kind: multi_label", "no: [无, 没]", "threshold: dev")
    fitted = suite.tasks["toy"].model_copy(update={"thresholds": (0.25, 0.5)})
    suite = suite.model_copy(update={"tasks": {"toy": fitted}})
    assert Suite.model_validate_json(suite.model_dump_json()) == suite


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        (["kind: multilabel"], {}, "must be one of"),
        (["kind: multi_label"], {"data": "{train: a}"}, "thresholds are fitted on dev rows"),
        (["kind: multi_label", "no: 无", "threshold: dev"], {"data": "{train: a}"}, "dev rows"),
        (["kind: multi_label", "threshold: 1.5"], {}, "between 0 and 1"),
        (["kind: multi_label", "thresholds: [0.5, 7]"], {}, "must be below 1, found `7`"),
        (["kind: multi_label", "thresholds: [0, 0.5]"], {}, "must be above 0, found `0`"),
        (["kind: multi_label", "thresholds: [0.5, .nan]"], {}, "thresholds"),
        (["kind: multi_label", "thresholds: [0.5]"], {}, "2 labels have 1 `thresholds`"),
        (
            ["kind: multi_label", "threshold: dev", "thresholds: [0.5, 0.5]"],
            {},
            "`threshold: dev` has thresholds fitted, but `thresholds` gives them",
        ),
        (["thresholds: [0.5, 0.5]"], {}, "`thresholds` is for the kind `multi_label`"),
        (["kind: multi_label", "no: 好"], {}, "the word `好` of `no` is a label word too"),
        (["kind: multi_label", "metric: accuracy"], {}, "`micro_f1`"),
        (["kind: multi_label", "calibration: prior"], {}, "is not for `kind: multi_label`"),
        (["kind: multi_label", "verbalizer_kind: automatic"], {}, "is not for `kind: multi_label`"),
        (["kind: multi_label", "range: [0, 1]"], {}, "is for the kind `similarity`"),
        (["separator: ;"], {}, "`separator` is for the kind `multi_label`"),
        (["kind: similarity"], {"words": THREE}, "two labels"),
        (["kind: similarity"], {"words": "{bad: 坏, good: 好}"}, "range: [0, 5]"),
        (["kind: similarity"], {"words": '{"0": 坏, "1e300": 好}'}, "below 1e9"),
        (
            ["kind: similarity", "range: [5, 0]"],
            {},
            "highest target, such as [0, 5], found `[5, 0]`",
        ),
        (["kind: similarity", f"range: [0, 1{'0' * 400}]"], {}, "found `[0, 1000"),
        (["kind: similarity", "range: 5"], {}, "lowest and the highest target"),
        (["kind: similarity", "metric: macro_f1"], {}, "`pearson` or `spearman`"),
        (["kind: ordered"], {"words": '{"2": 二, "1": 一, "3": 三}'}, "order of the scale"),
    ],
)
def test_what_does_not_go_together(
    tmp_path: Path, more: list[str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(PetMtlError) as caught:
        load(tmp_path, *more, **options)
    assert message in str(caught.value)
    assert "toy.yaml:" in str(caught.value)
