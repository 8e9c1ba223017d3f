"""Where runs of Python lie, and what is left of those that fail."""

import json
import os
import pickle
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
from processes import run_together

import pet_mtl
from pet_mtl import PetClassifier
from pet_mtl.errors import PetMtlError

TEXTS = ["好天气", "坏天气", "新闻好", "新闻坏", "好的", "坏的"] * 4
LABELS = ["up", "down"] * 12
WORDS = {"up": "好", "down": "坏"}
FAST = {"max_steps": 3, "precision": "fp32", "batch_tokens": 120, "max_length": 32}


def task() -> pet_mtl.Task:
    return pet_mtl.Task("mood", WORDS, "{mask}。{text}", (TEXTS, LABELS), 0.3)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of temporary ones."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_calls_that_fail_leave_no_folders(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for model, more, message in [
        ("nowhere", {}, "there is no model `nowhere`"),
        (str(backbone), {"teachers": "nowhere"}, "there is no such folder"),
        (str(backbone), {"resume": True}, "`resume` needs the folder of the run"),
    ]:
        with pytest.raises(PetMtlError, match=message):
            pet_mtl.train([task()], model, **more, **FAST)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir())
    assert pet_mtl.train([task()], str(backbone), **FAST).out == Path("runs/mood-1")


def test_errors_name_arguments_and_no_options(backbone: Path, tmp_path: Path) -> None:
    pet_mtl.train([task()], str(backbone), tmp_path / "run", **FAST)
    with pytest.raises(PetMtlError, match=r"with `resume=True`, or .* with `out=`") as told:
        pet_mtl.train([task()], str(backbone), tmp_path / "run", **FAST)
    assert "--" not in str(told.value)
    missing = pet_mtl.Task("mood", WORDS, "{mask}。{text}", "no/rows.csv")
    with pytest.raises(
        PetMtlError, match="relative data paths start in the working folder"
    ) as told:
        pet_mtl.train([missing], str(backbone), tmp_path / "other", **FAST)
    assert "--" not in str(told.value)
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST, out=tmp_path / "fitted")
    with pytest.raises(
        PetMtlError, match=r"holds a run\n  hint: choose another folder with `out=`$"
    ):
        classifier.fit(TEXTS, LABELS).fit(TEXTS, LABELS)


def test_a_classifier_has_one_temporary_folder(backbone: Path, places: Path) -> None:
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST)
    for _ in range(2):
        classifier.fit(TEXTS, LABELS)
        assert len(list(places.iterdir())) == 1
    before = classifier.predict_proba(TEXTS)

    def stop(record: dict[str, Any]) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        classifier.set_params(callbacks=[stop]).fit(TEXTS, LABELS)
    assert len(list(places.iterdir())) == 1
    again = pickle.loads(pickle.dumps(classifier.set_params(callbacks=())))
    assert (again.predict_proba(TEXTS) == before).all()
    again.fit(TEXTS, LABELS)
    assert len(list(places.iterdir())) == 2
    del again, classifier
    assert not list(places.iterdir())


def test_a_classifier_without_its_checkpoint_is_not_pickled(backbone: Path, tmp_path: Path) -> None:
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST, out=tmp_path / "run")
    classifier.fit(TEXTS, LABELS)
    shutil.rmtree(tmp_path / "run")
    for act in (lambda: pickle.dumps(classifier), lambda: classifier.save(tmp_path / "kept")):
        with pytest.raises(PetMtlError, match="the fitted checkpoint has gone"):
            act()
    assert not (tmp_path / "kept").exists()


def test_a_stop_while_the_earlier_folder_goes_leaves_the_later_fit(
    backbone: Path, places: Path
) -> None:
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST).fit(TEXTS, LABELS)
    earlier = Path(classifier.checkpoint_)

    def stopped() -> None:
        shutil.rmtree(earlier)
        raise KeyboardInterrupt

    vars(classifier)["_remove"] = stopped
    with pytest.raises(KeyboardInterrupt):
        classifier.set_params(labels={"left": "新", **WORDS}).fit(TEXTS, LABELS)
    assert classifier.predict_proba(TEXTS).shape == (24, 3)
    model = pet_mtl.load(classifier.save(places / "kept"))
    assert model.predict_proba(TEXTS).shape == (24, 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("again", [False, True])
def test_a_fork_leaves_the_folder_to_its_parent(backbone: Path, places: Path, again: bool) -> None:
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST).fit(TEXTS, LABELS)
    child = os.fork()
    if not child:
        if again:
            vars(classifier)["_remove"]()  # what another fit begins with
        del classifier
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(places.iterdir())) == 1
    classifier.save(places / "kept")
    del classifier
    assert [folder.name for folder in places.iterdir()] == ["kept"]


def test_the_working_folder_may_change(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    classifier = PetClassifier(WORDS, model=str(backbone), settings=FAST, out="fitted")
    classifier.fit(TEXTS, LABELS)
    run = pet_mtl.train([task()], str(backbone), "run", **FAST)  # type: ignore[arg-type]
    monkeypatch.chdir("other")
    assert run.report == tmp_path / "run" / "report.html"
    assert "report" in run._repr_html_()
    assert run.predict(TEXTS[:1])[0].label in WORDS
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.predict_proba(TEXTS) == classifier.predict_proba(TEXTS)).all()
    classifier.save("kept")
    assert pet_mtl.load("kept").tasks == ("task",)


def test_what_a_callback_makes_of_a_record_is_its_own(backbone: Path, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def empty(record: dict[str, Any]) -> None:
        for part in record.values():
            if isinstance(part, dict):
                part.clear()

    out = tmp_path / "run"
    pet_mtl.train([task()], str(backbone), out, callbacks=[empty, seen.append], **FAST)  # type: ignore[arg-type]
    lines = (out / "metrics.jsonl").read_text("utf-8").splitlines()
    assert seen == [json.loads(line) for line in lines]
    manifest = json.loads((out / "checkpoint" / "pet_mtl.json").read_text("utf-8"))
    assert manifest["metrics"]["tasks"]["mood"]["macro_f1"] >= 0


SCRIPT = textwrap.dedent(
    """
    import json, sys
    import pet_mtl

    model, out, texts, labels, words, settings = json.loads(sys.argv[1])
    given = pet_mtl.Task("mood", words, "{mask}。{text}", (texts, labels), 0.3)
    classifier = pet_mtl.PetClassifier(words, model=model, settings=settings)
    for act in (
        lambda: pet_mtl.train([given], model, **settings),
        lambda: classifier.fit(texts, labels),
    ):
        try:
            act()
        except pet_mtl.PetMtlError as error:
            print(error)
    run = pet_mtl.train([given], model, out, **settings)
    print(run.predict(texts[:1])[0].label)
    """
)


@pytest.mark.slow
def test_several_processes_are_told_to_name_a_folder(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(backbone), str(tmp_path / "run"), TEXTS, LABELS, WORDS, FAST]
    for done in run_together(2, SCRIPT, json.dumps(given)):
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("several processes need one output folder") == 2
        assert done.stdout.split()[-1] in WORDS
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
