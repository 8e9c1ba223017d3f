"""Columns and patterns of a task that do not fit, whoever makes the task."""

from pathlib import Path
from typing import Any

import pytest
import toys
from pydantic import ValidationError

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.row_texts import column_problems, pattern_problems
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import TaskSpec

WORDS = {"x": ["好"], "y": ["坏"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {}}, "no `label` column"),
        ({"columns": {"text": 0}}, "no `label` column"),
        ({"columns": {"label": 0}}, "no text column"),
        ({"columns": {"other": 0, "label": 1}}, "`columns` has no `text`"),
        ({"columns": {"text": -1, "label": 1}}, "must be 0 or more"),
        ({"columns": {"text": 1, "label": 1}}, "are both `1`"),
        ({"columns": {"text": "", "label": "y"}}, "must be a position"),
        ({"columns": {"text": 0, "label": "y"}}, "columns mix positions and names"),
        ({"patterns": "{text}"}, "no `{mask}` in the pattern"),
        ({"patterns": "{text}", "kind": "entailment"}, "no `{mask}` in the pattern"),
        ({"patterns": "{mask}{text"}, "is never closed"),
        ({"patterns": "{mask}"}, "no field in the pattern"),
        ({"patterns": "{mask}{text}，｛text｝"}, "`text` stands in full-width braces"),
        ({"patterns": "{mask}{text}{label}"}, "`{label}`, which is not a text"),
    ],
)
def test_no_task_has_them(changes: dict[str, Any], message: str) -> None:
    stored = toys.make_task("{mask}{text}", WORDS).model_dump(mode="json")
    with pytest.raises(ValidationError) as caught:
        TaskSpec.model_validate({**stored, **changes})
    (error,) = caught.value.errors()
    assert message in error["msg"]


def test_what_fits_has_no_problem() -> None:
    columns = {"id": 0, "text": 1, "label": 2}
    assert list(column_problems(columns)) == []
    assert list(pattern_problems("{mask}{text}", columns, statements=False)) == []
    assert list(pattern_problems("{mask}{label}{text}", columns, statements=True)) == []
    assert list(pattern_problems("{mask}{other}", None, statements=False)) == []


def test_a_broken_pattern_of_hypotheses_has_its_line_and_comes_once(tmp_path: Path) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(
        "version: 1\nmodel: zh-mini\ntasks:\n  toy:\n    kind: entailment\n"
        '    patterns: ["{mask}{text}",\n      "{text}"]\n'
        "    verbalizer: {a: 好, b: 坏}\n    columns: {text: 0, label: 1}\n    data: {train: a}\n",
        encoding="utf-8",
    )
    with pytest.raises(PetMtlError) as caught:
        load_suite(file)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{file}:7: no `{{mask}}` in the pattern `{{text}}`\n")
    assert problem.hint == "put `{mask}` where the label word goes"
