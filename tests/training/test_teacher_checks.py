"""What cannot teach a task, and answers that are none."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import toys
from toy_kinds import write_kinds

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import load_suite
from pet_mtl.training import run
from pet_mtl.training.run import train
from pet_mtl.training.teachers import check_teachers, read_answers, write_answers


@pytest.fixture(scope="module")
def teacher(suite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("teacher") / "run"
    train(load_suite(suite_file, overrides=["train.max_steps=1"], only=["mood"]), out)
    return out / "checkpoint"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["patterns=['{words}。{mask}']", "columns={words: 0, label: 1}"], "fields text .* words"),
        (["kind=multi_label", "no=同", "metric=macro_f1"], "targets label there, and here labels"),
        (["verbalizer={up: 喜, low: 悲}"], "labels up, down there, and here up, low"),
    ],
)
def test_another_task_of_the_same_name(
    suite_file: Path, teacher: Path, changes: list[str], told: str
) -> None:
    overrides = [f"tasks.mood.{change}" for change in changes]
    suite = load_suite(suite_file, overrides=overrides, only=["mood"])
    with pytest.raises(PetMtlError, match=f"`mood` has the {told}"):
        check_teachers([teacher], suite)


def test_answers_about_sets_are_probabilities_each_by_itself(
    toy_backbone: Path, tmp_path: Path
) -> None:
    suite = load_suite(write_kinds(tmp_path, toy_backbone), only=["marks"])
    rows = {"marks": load_suite_data(suite)["marks"].train}
    for value in (0.9, 1.1, -0.1):
        probs = np.full((len(rows["marks"]), 3), 0.9, np.float32)
        probs[2, 1] = value
        write_answers(tmp_path, {"marks": probs}, rows)
        if value == 0.9:
            np.testing.assert_array_equal(read_answers(tmp_path, suite, rows)["marks"], probs)
        else:
            with pytest.raises(PetMtlError, match="no probabilities of its labels"):
                read_answers(tmp_path, suite, rows)


@pytest.mark.parametrize(
    ("family", "setting", "told"),
    [
        ("bert", "method={name: heads, sharing: ple, layers: [9]}", "there is no layer 9"),
        ("albert", "train.layer_decay=0.9", "`layer_decay` does nothing"),
        ("convbert", "train.losses.contrastive={}", "`contrastive` reads what a `ConvBert"),
    ],
)
def test_what_the_model_has_not_is_refused_before_teachers_are_asked(
    suite_file: Path,
    toy_backbone: Path,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    setting: str,
    told: str,
) -> None:
    backbone = tmp_path / "backbone"
    shutil.copytree(toy_backbone, backbone)
    if family != "bert":
        toys.build_mlm(family, vocab_size=60).save_pretrained(backbone)
    monkeypatch.setattr(run, "ask_teachers", lambda *_: pytest.fail("teachers were asked"))
    suite = load_suite(suite_file, overrides=[setting], model=str(backbone))
    with pytest.raises(PetMtlError, match=told) as caught:
        train(suite, tmp_path / "run", teachers=[teacher])
    assert caught.value.problems[0].where
    assert not (tmp_path / "run").exists()
