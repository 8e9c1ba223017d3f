"""What is noted of a distillation, so that its folder takes up no other one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation.folder import check_settings, settings_of
from pet_mtl.distillation.plan import Request
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.suite.suite import Suite


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("from", {"teachers_have": "multi"}),
        ("to", {"students_have": "single"}),
        ("seeds", {"seeds": 2}),
        ("by_pattern", {"by_pattern": True}),
        ("folds", {"folds": 2}),
        ("generations", {"generations": 1}),
        ("growth", {"growth": 4.0}),
    ],
)
def test_whatever_decides_its_results_makes_it_another(
    suite: Suite, tmp_path: Path, key: str, changes: dict[str, Any]
) -> None:
    request, data = Request(suite, suite), load_suite_data(suite)
    check_settings(tmp_path, settings_of(request, data))
    check_settings(tmp_path, settings_of(request, data))
    with pytest.raises(PetMtlError, match=f"another distillation .*: `{key}` changed"):
        check_settings(tmp_path, settings_of(replace(request, **changes), data))


def test_so_do_other_teachers_that_are_given(suite: Suite, tmp_path: Path) -> None:
    data, given = load_suite_data(suite), tmp_path / "given"
    given.mkdir()
    request = Request(suite, suite, given=(given,))
    (given / MANIFEST).write_text("{}", encoding="utf-8")
    check_settings(tmp_path / "out", settings_of(request, data))
    (given / MANIFEST).write_text("{ }", encoding="utf-8")  # trained anew
    with pytest.raises(PetMtlError, match=r"another distillation .*: `teachers` changed"):
        check_settings(tmp_path / "out", settings_of(request, data))
