"""`pet_mtl.Task`: what is wrong with rows in memory is told, and calibrations are as asked for."""

import copy
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys

import pet_mtl
from pet_mtl.api.suite import suite_of
from pet_mtl.audit.judges import choose_judges
from pet_mtl.data.suite_data import load_task
from pet_mtl.errors import PetMtlError
from pet_mtl.scoring.checkpoint_scores import score_models
from pet_mtl.scoring.given_rows import dev_rows
from pet_mtl.scoring.records import Details
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.suite.suite import Suite, load_suite

TEXTS = ["好天气", "坏天气", "新闻好", "新闻坏", "好的", "坏的"] * 4
LABELS = ["1", "0"] * 12
FAST = {"max_steps": 2, "precision": "fp32", "batch_tokens": 120, "max_length": 32}


def task(**more: Any) -> pet_mtl.Task:
    given = {
        "labels": {"1": "好", "0": "坏"},
        "patterns": "{mask}。{text}",
        "train": (TEXTS, LABELS),
    }
    return pet_mtl.Task("mood", **{**given, **more})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": {1: "好", "1": "坏", 0: "新"}}, "`labels` has the label '1' twice"),
        ({"labels": {"a": "好", "a ": "坏"}}, 'tasks.mood.verbalizer: labels "a" and "a "'),
        ({"train": "t.tsv", "dev": (TEXTS, LABELS)}, "one is a file and one is rows"),
        ({"dev": "d.tsv"}, "one is a file and one is rows"),
        ({"more": {"data": {"train": "t.tsv"}}}, "`more` holds `data`, which the arguments"),
        ({"patterns": 5}, "task mood: `patterns` must be a text or a list of texts, found 5"),
        ({"patterns": ["{mask}{text}", None]}, "`patterns` must be a text or a list of texts"),
        ({"more": None}, "task mood: `more` must be keys and values, found NoneType"),
        ({"train": "t.tsv", "dev": 1}, "a share above 0 and below 1, found 1"),
        ({"dev": np.float32(1.5)}, "a share above 0 and below 1"),
        ({"train": (["好", "坏"], ["1", "0"]), "dev": 0.1}, "leaves no row"),
        ({"train": (["好", "a\ud83d"], ["1", "0"])}, "rows[1]: the text of `text` holds half a"),
        ({"train": (["好", "坏"], ["1", "\ud83d"])}, "row 2: the label holds half a surrogate"),
    ],
)
def test_wrong_tasks(backbone: Path, tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        pet_mtl.train([task(**change)], str(backbone), tmp_path / "run", **FAST)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_dev_rows_that_are_trained_on_are_told(
    backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pet_mtl")
    pet_mtl.train([task(dev=(TEXTS[:6], LABELS[:6]))], str(backbone), tmp_path / "run", **FAST)
    assert "6 of 6 dev rows occur in the training data too" in caplog.text


def test_a_share_that_is_larger_than_asked_for_is_told() -> None:
    """With few rows of many labels, of each of which one is held out."""
    labels = [str(number % 40) for number in range(120)]
    rows = ([f"第{number}行" for number in range(120)], labels)
    for dev, told in ((0.1, ["40 of 120 rows are held out, not 10 %: o"]), (0.3, [])):
        given = task(labels={one: f"词{one}" for one in labels}, train=rows, dev=dev)
        notes = given.data(suite_of([given], "zh-mini").tasks["mood"], 0, ".").notes
        assert [note[:40] for note in notes] == told


def test_labels_that_a_dataset_numbers_are_its_names() -> None:
    import datasets

    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["b", "a"])}
    columns = {"text": TEXTS, "label": [int(label) for label in LABELS]}
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    found = []
    for words in ({"a": "好", "b": "坏"}, {1: "好", 0: "坏"}):
        given = task(labels=words, train=rows)
        found.append(given.data(suite_of([given], "zh-mini").tasks["mood"], 0, ".").train.labels)
    np.testing.assert_array_equal(*found)  # the first word is of the rows with 1 in both


def test_a_list_of_one_label_is_the_label(backbone: Path) -> None:
    lists, plain = task(train=(TEXTS, [[one] for one in LABELS])), task()
    calibrated = [pet_mtl.load(str(backbone), one, "prior") for one in (lists, plain)]
    np.testing.assert_array_equal(*(model.predict_proba(TEXTS) for model in calibrated))


def test_calibrations_of_a_backbone(backbone: Path) -> None:
    asked = pet_mtl.load(str(backbone), iter([task()]), "contextual").predict_proba(TEXTS)
    own = task(more={"calibration": "contextual"})
    np.testing.assert_array_equal(pet_mtl.load(str(backbone), own).predict_proba(TEXTS), asked)
    none = pet_mtl.load(str(backbone), own, "none").predict_proba(TEXTS)
    prior = pet_mtl.load(str(backbone), task(), "prior").predict_proba(TEXTS)
    for auto in (pet_mtl.load(str(backbone), task()), pet_mtl.load(str(backbone), own, "auto")):
        np.testing.assert_array_equal(auto.predict_proba(TEXTS), prior)
    assert not np.allclose(none, asked)
    with pytest.raises(PetMtlError, match="unknown calibration `contexual`"):
        pet_mtl.load(str(backbone), task(), "contexual")  # type: ignore[arg-type]


def pattern_file(folder: Path, more: str = "") -> Path:
    file = folder / "mine.yaml"
    file.write_text(
        "version: 1\nmodel: zh-mini\ntasks:\n  mood:\n    patterns: '{mask}。{text}'\n"
        "    verbalizer: {'1': 好, '0': 坏}\n    columns: {text: 0, label: 1}\n"
        f"    data: {{train: train.tsv, dev: dev.tsv}}\n{more}",
        encoding="utf-8",
    )
    return file


def test_a_backbone_says_what_score_says(tmp_path: Path) -> None:
    toys.write_bert(tmp_path / "backbone", [*"天气新闻好坏的。"], max_position_embeddings=40)
    model, texts = str(tmp_path / "backbone"), [*TEXTS[3:9], "天气" * 16 + "好坏" * 9]
    for name, rows in (("train", TEXTS), ("dev", texts)):
        lines = "".join(f"{t}\t{y}\n" for t, y in zip(rows, LABELS, strict=False))
        (tmp_path / f"{name}.tsv").write_text(lines, encoding="utf-8")
    file = pattern_file(tmp_path, "train: {max_length: 40, precision: fp32}\n")
    (scored,) = score_models([model], load_suite(file), keep=True)
    said = scored.predicted["mood"]
    wanted = [record["probabilities"] for record in said.records(Details(probabilities=True))]
    found = pet_mtl.load(model, file).predict(texts)
    assert [one.probabilities for one in found] == [pytest.approx(one, abs=1e-5) for one in wanted]


def test_a_prior_without_rows_is_left_out_and_told(
    backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pet_mtl")
    none = pet_mtl.load(str(backbone), task(train=None), "none")
    found = pet_mtl.load(str(backbone), task(train=None))
    np.testing.assert_array_equal(found.predict_proba(TEXTS), none.predict_proba(TEXTS))
    assert "warning: mood: no calibration" in caplog.text
    assert "give texts as `unlabelled`" in caplog.text


def test_a_prior_reads_no_dev_rows(backbone: Path) -> None:
    unlabelled, dev = ["好天气", "新闻", "很好的天气"], (["坏的", "好"], ["0", "1"])
    without, among = (
        pet_mtl.load(str(backbone), task(unlabelled=texts, dev=dev), "prior").predict_proba(TEXTS)
        for texts in (unlabelled, [*unlabelled, "坏的"])
    )
    np.testing.assert_array_equal(without, among)


def test_a_method_that_predicts_nothing_before_training(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="`method: heads` predicts nothing before it is trained"):
        pet_mtl.load(str(backbone), pattern_file(tmp_path, "method: heads\n"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": 5}, "`method` must be a name or keys and values"),
        ({"sampling": [1]}, "`sampling` must be keys and values"),
        ({"teachers": 5}, "`teachers` must be checkpoints or runs"),
        ({"teachers": [5]}, "`teachers` must be checkpoints or runs"),
    ],
)
def test_arguments_of_a_wrong_type(
    backbone: Path, tmp_path: Path, change: Any, message: str
) -> None:
    with pytest.raises(PetMtlError, match=message):
        pet_mtl.train([task()], str(backbone), tmp_path / "run", **change, **FAST)
    assert not (tmp_path / "run").exists()


def test_what_is_no_task_and_no_backbone_is_told(tmp_path: Path) -> None:
    for odd in ({"mood": task()}, [task(), 3]):
        with pytest.raises(PetMtlError, match=r"`tasks` must be tasks, found (str|int)"):
            pet_mtl.load(tmp_path, odd)  # type: ignore[arg-type]
    with pytest.raises(PetMtlError, match="`tasks` must be tasks, found str"):
        pet_mtl.train("mine.yaml", out=tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(PetMtlError, match=r"found PetClassifier\n.*load\(run\.checkpoint\)"):
        pet_mtl.load(pet_mtl.PetClassifier())  # type: ignore[arg-type]
    for config in ("{", "[1]", '{"model_type": "nonsense"}'):
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        with pytest.raises(PetMtlError):
            pet_mtl.load(tmp_path, task())


def test_a_predictor_may_be_pickled_and_copied(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read anew, from wherever a process works; a checkpoint that was replaced is told."""
    run = pet_mtl.train([task()], str(backbone), tmp_path / "run", **FAST)
    monkeypatch.chdir(tmp_path)
    texts = TEXTS[:6]
    for one in (pet_mtl.load("run/checkpoint"), pet_mtl.load(str(backbone), task(), "prior")):
        known, kept = one.predict_proba(texts), pickle.dumps(one)
        assert len(kept) < 20_000
        with monkeypatch.context() as elsewhere:
            elsewhere.chdir(backbone)
            for again in (pickle.loads(kept), copy.deepcopy(pickle.loads(kept))):
                np.testing.assert_array_equal(again.predict_proba(texts), known)
    kept = pickle.dumps(pet_mtl.load(run.checkpoint))
    shutil.rmtree(tmp_path / "run")
    pet_mtl.train([task(prefix="心情：")], str(backbone), tmp_path / "run", **FAST)
    with pytest.raises(PetMtlError, match="the checkpoint was replaced"):
        pickle.loads(kept)


def test_calibrations_of_a_checkpoint(backbone: Path, tmp_path: Path) -> None:
    own = task(more={"calibration": "contextual"}, dev=0.3)
    run = pet_mtl.train(own, str(backbone), tmp_path / "run", **FAST)
    stored = run.model.predict_proba(TEXTS)
    np.testing.assert_array_equal(
        pet_mtl.load(run.checkpoint, None, "auto").predict_proba(TEXTS), stored
    )
    plain = pet_mtl.load(run.checkpoint, calibration="none")
    assert repr(str(run.checkpoint)) in repr(plain)
    assert not np.allclose(plain.predict_proba(TEXTS), stored)
    with pytest.raises(PetMtlError, match="in the memory of the program that made it"):
        pet_mtl.load(run.checkpoint, calibration="prior")


def test_rows_in_memory_are_no_file(backbone: Path, tmp_path: Path) -> None:
    own = task(more={"kind": "multi_label"}, dev=0.3)
    folder = pet_mtl.train(own, str(backbone), tmp_path / "run", **FAST).checkpoint
    suite: Suite = read_checkpoint(folder).suite
    with pytest.raises(PetMtlError, match="in the memory of the program") as caught:
        choose_judges(None, [str(folder)])
    assert "--patterns FILE" in str(caught.value)
    with pytest.raises(PetMtlError, match="in the memory of the program") as caught:
        dev_rows(suite)
    assert "--data TASK=FILE" in str(caught.value)
    with pytest.raises(PetMtlError, match="in the memory of the program"):
        load_task(suite.tasks["mood"], tmp_path, 1)


def test_kinds_have_figures_of_their_own_in_a_notebook(backbone: Path, tmp_path: Path) -> None:
    numbers = pet_mtl.Task(
        "alike",
        {"0": "坏", "2": "好"},
        "{mask}，{text}",
        train=(TEXTS, [0, 1, 2, 0.5, 1.5, 1] * 4),
        dev=0.3,
        more={"kind": "similarity"},
    )
    run = pet_mtl.train([task(dev=0.3), numbers], str(backbone), tmp_path / "run", **FAST)
    page = run._repr_html_()
    names = ["macro_f1", "accuracy", "pearson", "spearman", "mae"]
    assert "".join(f"<th>{name}</th>" for name in names) in page
    score = run.scores["alike"].summary()
    assert f"<td>–</td><td>–</td><td>{score['pearson']:.4f}</td>" in page


def test_rows_of_a_wrong_type_are_told_with_one_task(backbone: Path) -> None:
    with pytest.raises(PetMtlError, match=r"rows\[0\] gives no text for the field `text`"):
        pet_mtl.load(str(backbone), task()).predict([None])
