"""Which teachers a distillation has, and which requests are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from pet_mtl.distillation.plan import (
    Request,
    Teacher,
    check_request,
    plan_teachers,
    teacher_suite,
)
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite


def test_a_teacher_for_each_pattern(suite: Suite) -> None:
    request = Request(suite, suite, by_pattern=True, seeds=2, folds=2)
    teachers = plan_teachers(request)
    names = [teacher.name for teacher in teachers]
    assert len(set(names)) == len(names) == 2 * 2 + 2 * 2 * 2 + 2 * 2
    one = next(teacher for teacher in teachers if teacher.name == "mood-seed43-pattern2-fold1")
    suite = teacher_suite(request.teacher, one)
    assert suite.tasks["mood"].patterns == ("{mask}：{text}",)
    assert (list(suite.tasks), suite.train.seed) == (["mood"], 43)


def test_teachers_without_patterns_are_one_for_all(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would be the same to the bit, and label rows for themselves."""
    more = ["tasks.mood.data.unlabelled=mood.dev.tsv", "train.max_steps=1"]
    heads = load_suite(suite_file, overrides=more, method="heads", only=["mood"])
    request = Request(heads, heads, by_pattern=True, alone=False)
    assert [teacher.name for teacher in plan_teachers(request)] == ["mood-seed42"]
    with pytest.raises(PetMtlError, match="each task needs two or more"):
        check_request(replace(request, generations=1))
    distil(request, tmp_path / "out")
    told = "warning: `--by-pattern` does nothing: method `heads` reads no patterns"
    assert told in capsys.readouterr().err


def test_names_of_teachers_have_room_in_those_of_files() -> None:
    teachers = [Teacher(("t" * 199 + end,), 2**32 - 1, 98, 998) for end in "ab"]
    names = [f".generation-100-{one.name}.safetensors.12345678.new" for one in teachers]
    assert len({*names}) == 2
    assert max(map(len, names)) <= 255
    assert Teacher(("t" * 200,), 42).name == "t" * 200 + "-seed42"  # as ever


def test_each_task_needs_two_teachers_for_generations(suite_file: Path) -> None:
    """Three of one task and one of the other are four, but no two of each."""
    more = [
        "tasks.mood.patterns=['{text}。{mask}!', '{mask}：{text}', '{text}{mask}']",
        *(f"tasks.{name}.data.unlabelled={name}.dev.tsv" for name in ("colour", "mood")),
    ]
    suite = load_suite(suite_file, overrides=more, only=["colour", "mood"])
    request = Request(suite, suite, by_pattern=True, generations=1)
    assert len(plan_teachers(request)) == 4
    with pytest.raises(PetMtlError, match="each task needs two or more"):
        check_request(request)
    check_request(replace(request, seeds=2))
