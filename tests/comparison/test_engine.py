"""OpenPrompt's cells: the plumbing with a fake engine, the package itself where it is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.cloze.sampling import Schedule
from pet_mtl.comparison import run
from pet_mtl.comparison.engine import Engine, find_engine
from pet_mtl.comparison.plan import Variant, read_variants
from pet_mtl.comparison.run import Request, compare
from pet_mtl.compat import openprompt_import
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.run import train


def variants(file: Path, methods: str) -> list[Variant]:
    def load(method: str, options: Sequence[str]) -> Suite:
        return load_suite(file, overrides=["train.precision=bf16", *options], method=method)

    return read_variants(methods, load)


def test_it_trains_what_pet_trains_in_full_precision(suite_file: Path) -> None:
    pet, other = variants(suite_file, "pet,openprompt:train.learning_rate=0.1")
    assert (pet.engine, other.engine) == (None, "openprompt")
    assert other.name == "openprompt:train.learning_rate=0.1"
    assert other.suite.method == pet.suite.method
    assert (other.suite.train.precision, other.suite.train.learning_rate) == ("fp32", 0.1)


@pytest.mark.parametrize("option", ["learning_rate=0.1", "features=mean", "train.epochs=2", "x"])
def test_its_only_option_is_the_learning_rate(suite_file: Path, option: str) -> None:
    with pytest.raises(PetMtlError, match=f"`{option}` is no option of a method"):
        variants(suite_file, f"openprompt:{option}")


def test_its_cells_go_to_the_engine(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, scored = [], []

    def fake(suite: Suite, out: Path, **more: Any) -> Any:
        trained.append(out.parent.name)
        return train(suite, out, **more)

    class Fake(LoadedModel):
        def raw_log_probs(self, *given: Any, **more: Any) -> Any:
            scored.append(more.get("title", ""))
            return super().raw_log_probs(*given, **more)

    monkeypatch.setattr(run, "find_engine", lambda name: Engine(fake, Fake, Schedule))
    request = Request(
        variants(suite_file, "pet,openprompt"), [0, 2, "all"], 1, single_task=True, few_shot_steps=2
    )
    found = compare(request, tmp_path / "out")
    assert trained == [
        f"openprompt.{shots}.seed-42.{tasks}"
        for shots in (2, "all")
        for tasks in ("joint", "alone-topic", "alone-pair")
    ]
    assert "scoring" in scored
    assert [(one.shots, one.method) for one in found.entries] == [
        (shots, method) for shots in (0, 2, "all") for method in ("pet", "openprompt")
    ]
    assert all(one.difference is not None for one in found.entries if one.method == "openprompt")
    assert {one.method for one in found.joining} == {"pet", "openprompt"}
    for name in ("compare.html", "compare.md"):
        assert "openprompt" in (tmp_path / "out" / name).read_text(encoding="utf-8")
    monkeypatch.setattr(
        run, "find_engine", lambda name: pytest.fail("asked for a package that is not needed")
    )
    assert len(compare(request, tmp_path / "out").entries) == 6


def test_a_missing_package_is_an_error_before_anything_is_written(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openprompt_import, "_NEEDS", ("openprompt_that_is_missing",))
    with pytest.raises(PetMtlError, match="not installed") as caught:
        compare(Request(variants(suite_file, "pet,openprompt"), ["all"], 1), tmp_path / "out")
    assert caught.value.exit_code == 2
    assert "pip install openprompt==0.1.1" in (caught.value.problems[0].hint or "")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(bool(openprompt_import.missing_packages()), reason=openprompt_import.INSTALL)
def test_the_package_itself(suite_file: Path, tmp_path: Path) -> None:
    request = Request(
        variants(suite_file, "pet,openprompt"), [0, 2], 1, single_task=True, few_shot_steps=4
    )
    found = compare(request, tmp_path / "out")
    assert not found.failed
    assert [one.steps for one in found.entries] == [0, 0, 4, 4]
    assert all((one.peak_memory_gb or 0) > 0 for one in found.entries)
    assert len(found.joining) == 4
    assert find_engine("openprompt").load.__name__ == "OpenPromptModel"
