"""Models that cannot be built are refused before any is trained."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import toys
from toy_kinds import write_kinds
from toy_runs import CHARACTERS

from pet_mtl.distillation.plan import Request
from pet_mtl.distillation.run import distil
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import load_suite

SHORT = ["train.max_steps=1", "train.evaluate_every=1"]


def test_students_and_teachers(tmp_path: Path, toy_backbone: Path) -> None:
    file, out = write_kinds(tmp_path, toy_backbone), tmp_path / "out"
    near = tmp_path / "near"
    toys.write_bert(near, CHARACTERS, max_position_embeddings=24)
    flat = tmp_path / "flat"
    shutil.copytree(toy_backbone, flat)
    toys.build_mlm("albert", vocab_size=60).save_pretrained(flat)
    decay = [f"model={flat}", "train.layer_decay=0.9"]
    pet, heads, short, layerless = (
        load_suite(file, overrides=[*SHORT, *more], only=["judged", "stars"])
        for more in ([], ["method.name=heads"], [f"model={near}"], decay)
    )
    request = Request(pet, pet, teachers_have="multi", alone=False)
    for wrong, message in (
        (replace(request, student=heads), "students: task `judged`: `kind: entailment` states"),
        (replace(request, teacher=heads), "teachers: task `judged`: `kind: entailment` states"),
        (replace(request, student=short), "students: `train.max_length` is 32, but the model has"),
        (replace(request, student=layerless), "students: `layer_decay` does nothing"),
    ):
        with pytest.raises(PetMtlError, match=message) as caught:
            distil(wrong, out)
        assert len(caught.value.problems) == 1
        assert not (out / "distill.json").exists()  # what is mended may go on in the folder
        assert not (out / "teachers").exists()
    distil(request, out)


def test_what_is_trained_is_not_built_again(
    tmp_path: Path, toy_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, built = write_kinds(tmp_path, toy_backbone), list[object]()
    suite = load_suite(file, overrides=SHORT, only=["stars"])
    request = Request(suite, suite)
    monkeypatch.setattr(
        "pet_mtl.distillation.buildable.refuse_untrained", lambda *given: built.append(given)
    )
    done = distil(request, tmp_path / "out")
    assert len(built) == 3
    assert distil(request, tmp_path / "out").to_json() == done.to_json()
    assert len(built) == 3
    (done.students[0].parent / "result.json").unlink()
    distil(request, tmp_path / "out")
    assert [of_tasks for _, of_tasks in built[3:]] == [{"stars"}]  # type: ignore[misc]
