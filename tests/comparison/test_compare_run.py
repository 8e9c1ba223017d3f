"""Whole comparisons of toy models: what is done, skipped, gone on with and refused."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stopped_runs import stop_at_step
from toy_runs import replace_weights

from pet_mtl.comparison import cell, run
from pet_mtl.comparison.plan import Variant, read_variants
from pet_mtl.comparison.run import Request, compare
from pet_mtl.errors import MachineError, PetMtlError, RunError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.lock import held
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training import steps


def variants(file: Path, methods: str, *more: str) -> list[Variant]:
    def load(method: str, options: Sequence[str]) -> Suite:
        return load_suite(file, overrides=[*more, *options], method=method)

    return read_variants(methods, load)


def test_everything_once(suite_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    request = Request(
        variants(suite_file, "pet,heads:features=mean"), [0, 2, "all"], 2, True, few_shot_steps=2
    )
    found = compare(request, out)
    assert [(entry.shots, entry.method) for entry in found.entries] == [
        (0, "pet"),
        (2, "pet"),
        (2, "heads:features=mean"),
        ("all", "pet"),
        ("all", "heads:features=mean"),
    ]
    for entry in found.entries:
        assert set(entry.tasks) == {"topic", "pair"}
        assert len(entry.mean.values) == (1 if entry.shots == 0 else 2)
        assert (entry.difference is None) == (entry.method == "pet")
        assert entry.rows == {0: 0, 2: 10, "all": 40}[entry.shots]
    assert [entry.steps for entry in found.entries[:3]] == [0, 2, 2]
    assert found.entries[2].parameters["task_specific_share"] > 0
    assert {(one.shots, one.method, one.task) for one in found.joining} == {
        (shots, method, task)
        for shots in (2, "all")
        for method in ("pet", "heads:features=mean")
        for task in ("topic", "pair")
    }
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == found.to_json()
    page = (out / "compare.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert page.count("<script") == 1  # the page's own
    assert "http" not in page.replace("http-equiv", "")
    text = (out / "compare.md").read_text(encoding="utf-8")
    assert "| 0 | heads:features=mean | – | – |" in text
    assert not list(out.glob("cells/*/run/checkpoint"))

    # what a process leaves that is killed after its result is written
    (next(out.glob("cells/pet.all*")) / ".lock").touch()
    assert compare(request, out).to_json()["entries"] == found.to_json()["entries"]
    assert not list(out.glob("cells/*/.lock"))


def test_other_unlabelled_rows_are_another_comparison(suite_file: Path, tmp_path: Path) -> None:
    more = suite_file.parent / "more.tsv"
    more.write_text((suite_file.parent / "topic.train.tsv").read_text(encoding="utf-8"))
    every = variants(suite_file, "pet", "tasks.topic.data.unlabelled=more.tsv")
    request = Request(every, [2], 1, False, few_shot_steps=1)
    out = tmp_path / "out"
    compare(request, out)
    lines = more.read_text(encoding="utf-8").splitlines(keepends=True)
    more.write_text("".join(lines[1:]), encoding="utf-8")
    with pytest.raises(PetMtlError, match="`unlabelled` changed"):
        compare(request, out)
    settings = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    del settings["unlabelled"]  # a version before noted none
    (out / "compare.json").write_text(json.dumps(settings), encoding="utf-8")
    compare(request, out)


def test_other_soft_labels_are_another_comparison(suite_file: Path, tmp_path: Path) -> None:
    rows = (suite_file.parent / "topic.train.tsv").read_text(encoding="utf-8").splitlines()
    said = [dict(zip(("id", "title", "label"), row.split("\t"), strict=True)) for row in rows]
    file = tmp_path / "said.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in said), encoding="utf-8")
    every = variants(suite_file, "pet", f"tasks.topic.data.soft_labels={file}")
    request = Request(every, [2], 1, False, few_shot_steps=1)
    out = tmp_path / "out"
    compare(request, out)
    said[0]["label"], said[1]["label"] = said[1]["label"], said[0]["label"]
    file.write_text("".join(json.dumps(one) + "\n" for one in said), encoding="utf-8")
    with pytest.raises(PetMtlError, match="`soft_labels` changed"):
        compare(request, out)


def test_few_rows_of_which_soft_labels_say_nothing(suite_file: Path, tmp_path: Path) -> None:
    row = (suite_file.parent / "topic.train.tsv").read_text(encoding="utf-8").splitlines()[0]
    said = dict(zip(("id", "title", "label"), row.split("\t"), strict=True))
    file = tmp_path / "said.jsonl"
    file.write_text(json.dumps(said) + "\n", encoding="utf-8")
    soft = f"tasks.topic.data.soft_labels={file}"
    methods = "pet,pet:train.label_share=1"
    request = Request(variants(suite_file, methods, soft), [1], 3, False, few_shot_steps=1)
    found = compare(request, tmp_path / "out")
    assert not found.failed


def test_a_task_alone_sees_as_many_rows_where_soft_labels_speak_of_unlabelled_ones(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joint training draws by all rows that a task learns from, and the one alone has them too."""
    texts = [f"一条新闻{sign}{place}" for sign in "好坏" for place in range(20)]
    unlabelled, file = tmp_path / "more.tsv", tmp_path / "said.jsonl"
    unlabelled.write_text("".join(f"m\t{text}\t\n" for text in texts), encoding="utf-8")
    said = [json.dumps({"title": text, "label": "news"}) for text in texts]
    file.write_text("\n".join(said), encoding="utf-8")
    more = [
        f"tasks.topic.data.unlabelled={unlabelled}",
        f"tasks.topic.data.soft_labels={file}",
        "sampling.temperature=0.5",
        "train.batch_tokens=50",
    ]
    drawn, train_cell = dict[str, int](), run.train_cell

    def trained(suite: Suite, data: Any, folder: Path, engine: None) -> cell.CellResult:
        result = train_cell(suite, data, folder, engine)
        log = (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8")
        drawn[" ".join(suite.tasks)] = int(re.findall(r'"rows": (\d+)', log)[-1])
        return result

    monkeypatch.setattr(run, "train_cell", trained)
    compare(Request(variants(suite_file, "pet", *more), ["all"], 1, True), tmp_path / "out")
    roots = {"topic": (24 + len(texts)) ** 0.5, "pair": 16**0.5}
    wanted = {task: 80 * root / sum(roots.values()) for task, root in roots.items()}
    assert drawn == pytest.approx({"topic pair": 80, **wanted}, rel=0.15)


def test_a_backbone_that_lies_beside_the_pattern_file(suite_file: Path, tmp_path: Path) -> None:
    """Found from any working directory, the rate that it recommends for few rows too."""
    text = suite_file.read_text(encoding="utf-8")
    backbone = suite_file.parent / "backbone"
    backbone.symlink_to(re.search("^model: (.+)$", text, re.M)[1])  # type: ignore[index]
    text = re.sub("^model: .+$", "model: backbone", text, flags=re.M)
    suite_file.write_text(text.replace("learning_rate: 0.01", "learning_rate: auto"))
    found = compare(Request(variants(suite_file, "pet"), [1], 1, few_shot_steps=1), tmp_path / "o")
    assert [entry.steps for entry in found.entries] == [1]


def test_a_method_that_fails_fails_its_own_cells(suite_file: Path, tmp_path: Path) -> None:
    methods = "pet,heads:features=mean,heads:sharing=ple:layers=[9]"
    request = Request(variants(suite_file, methods), [2], 1, False, few_shot_steps=1)
    found = compare(request, tmp_path / "out")
    ((cell, reason),) = found.failed.items()
    assert "ple" in cell
    assert "there is no layer 9" in reason
    page = (tmp_path / "out" / "compare.md").read_text(encoding="utf-8")
    assert "heads:features=mean | 0." in page


def test_a_method_that_cannot_write_the_rows_is_refused_at_once(
    suite_file: Path, tmp_path: Path
) -> None:
    entailment = ["tasks.pair.kind=entailment", 'tasks.pair.patterns="{one}？{mask}，{label}"']
    request = Request(variants(suite_file, "pet,heads", *entailment), [2], 1, False)
    with pytest.raises(PetMtlError, match="heads: task `pair`: `kind: entailment` states labels"):
        compare(request, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_done_cells_are_skipped_and_more_may_be_added(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, trained = tmp_path / "out", []
    real = run.train_cell
    monkeypatch.setattr(
        run, "train_cell", lambda *cell: trained.append(cell[2].name) or real(*cell)
    )  # type: ignore[func-returns-value]
    request = Request(variants(suite_file, "pet"), ["all"], 1)
    first = compare(request, out)
    again = compare(request, out)
    assert trained == ["pet.all.seed-42.joint"]
    assert replace(again, created="") == replace(first, created="")
    compare(Request(variants(suite_file, "pet,heads"), ["all"], 2), out)
    assert sorted(trained) == [
        f"{m}.all.seed-{s}.joint" for m in ("heads", "pet") for s in (42, 43)
    ]


def test_a_stopped_cell_goes_on(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(
        variants(suite_file, "pet", "train.evaluate_every=1", "train.epochs=2"), ["all"], 1
    )
    whole = compare(request, tmp_path / "whole")
    out = tmp_path / "out"
    real = cell.train

    def stopped(*arguments: object, **more: object) -> None:
        from pet_mtl.training.trainer import Trainer

        with monkeypatch.context() as patch:
            save = Trainer._save

            def then_stop(trainer: Trainer) -> None:
                save(trainer)
                raise Interrupted("stopped")

            patch.setattr(Trainer, "_save", then_stop)
            real(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(cell, "train", stopped)
    with pytest.raises(Interrupted, match="the same command with"):
        compare(request, out)
    assert not list(out.glob("cells/*/result.json"))
    monkeypatch.setattr(cell, "train", real)
    resumed = compare(request, out)
    assert resumed.entries[0].tasks == whole.entries[0].tasks
    assert resumed.entries[0].seconds is None


def test_a_signal_in_the_last_step_of_a_cell_stops_the_comparison(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(variants(suite_file, "pet", "train.max_steps=2"), ["all"], 2)
    whole, out = compare(request, tmp_path / "whole"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(steps, "LOG_EVERY", 1)
        stop_at_step(patch)(2)
        with pytest.raises(Interrupted, match="stopped after step 2 of 2"):
            compare(request, out)
    assert len(list(out.glob("cells/*"))) == 1
    assert compare(request, out).entries[0].tasks == whole.entries[0].tasks


def test_a_failed_cell_stops_no_other(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run.train_cell

    def fail(suite: Suite, *more: object) -> object:
        if suite.method.name == "heads":
            raise RunError("the loss is not a number")
        return real(suite, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "train_cell", fail)
    found = compare(Request(variants(suite_file, "heads,pet"), ["all"], 1), tmp_path / "out")
    assert [entry.method for entry in found.entries] == ["pet"]
    assert found.failed == {("heads, all rows, seed 42, all tasks"): "the loss is not a number"}
    assert "the loss is not a number" in (tmp_path / "out" / "compare.html").read_text(
        encoding="utf-8"
    )
    with pytest.raises(RunError, match="no cell succeeded"):
        compare(Request(variants(suite_file, "heads"), ["all"], 1), tmp_path / "other")


def test_a_full_disk_stops_a_comparison_that_then_goes_on(
    suite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, begun = tmp_path / "out", []
    request = Request(variants(suite_file, "pet,heads"), ["all"], 1)

    def full(suite: Suite, data: object, folder: Path, engine: object) -> None:
        begun.append(folder.name)
        raise MachineError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(run, "train_cell", full)
        with pytest.raises(MachineError, match="the disk is full"):
            compare(request, out)
    assert len(begun) == 1
    assert len(compare(request, out).entries) == 2


def test_what_another_process_has_in_hand_is_left_to_it(
    suite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request, out = (
        Request(variants(suite_file, "pet"), [0, 2], 1, few_shot_steps=1),
        tmp_path / "out",
    )
    compare(replace(request, shots=[0]), out)
    with held(out / "cells" / "pet.2.seed-42.joint" / ".lock"):
        found = compare(request, out)
        assert [entry.shots for entry in found.entries] == [0]
        assert "left to another process: 1 cell" in capsys.readouterr().err
        with pytest.raises(PetMtlError, match="another comparison has all cells in hand"):
            compare(replace(request, shots=[2]), out)
    assert [entry.shots for entry in compare(request, out).entries] == [0, 2]


def test_another_comparison_is_refused(suite_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compare(Request(variants(suite_file, "pet"), [0], 1), out)
    with pytest.raises(PetMtlError, match=r"`train\.learning_rate` changed"):
        compare(Request(variants(suite_file, "pet", "train.learning_rate=0.1"), [0], 1), out)
    with pytest.raises(PetMtlError, match="`few_shot_steps` changed"):
        compare(Request(variants(suite_file, "pet"), [0], 1, few_shot_steps=7), out)
    rows = suite_file.parent / "pair.dev.tsv"
    rows.write_text(rows.read_text(encoding="utf-8") + "一\t二\t1\n", encoding="utf-8")
    with pytest.raises(PetMtlError, match="`rows` changed"):
        compare(Request(variants(suite_file, "pet"), [0], 1), out)


def test_a_replaced_backbone_is_another_comparison(suite_file: Path, tmp_path: Path) -> None:
    backbone, out = tmp_path / "backbone", tmp_path / "out"
    shutil.copytree(load_suite(suite_file).model, backbone)
    pet = variants(suite_file, "pet", f"model={backbone}")
    compare(Request(pet, [0], 1), out)
    (backbone / "README.md").write_text("a card decides nothing", encoding="utf-8")
    compare(Request(pet, [0], 1), out)
    replace_weights(backbone)
    words = r"(?s)the backbone was replaced.*choose another folder"
    with pytest.raises(PetMtlError, match=words):
        compare(Request(pet, [0], 2), out)
    with pytest.raises(PetMtlError, match=words):  # a method that is added is of another one too
        compare(Request(variants(suite_file, "cln", f"model={backbone}"), [2], 1), out)
    settings = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    del settings["backbones"]  # a version before noted none
    (out / "compare.json").write_text(json.dumps(settings), encoding="utf-8")
    compare(Request(pet, [0], 2), out)


@pytest.mark.parametrize("content", ["{", "[]", '{"methods": 3}'])
def test_a_damaged_folder_is_a_clear_error(suite_file: Path, tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "compare.json").write_text(content, encoding="utf-8")
    with pytest.raises(PetMtlError, match="damaged"):
        compare(Request(variants(suite_file, "pet"), [0], 1), out)


def test_tasks_without_dev_rows_cannot_be_compared(suite_file: Path, tmp_path: Path) -> None:
    file = suite_file
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace(", dev: topic.dev.tsv", "").replace(", dev: pair.dev.tsv", ""),
        encoding="utf-8",
    )
    with pytest.raises(PetMtlError, match="no task has dev rows"):
        compare(Request(variants(file, "pet"), ["all"], 1), tmp_path / "out")


def test_zero_shot_is_without_what_only_training_gives(suite_file: Path, tmp_path: Path) -> None:
    plain = compare(Request(variants(suite_file, "pet"), [0], 1), tmp_path / "plain")
    options = [
        "tasks.topic.patterns={soft:2}{mask}。{title}",
        "tasks.pair.verbalizer_kind=automatic",
    ]
    soft = compare(Request(variants(suite_file, "pet", *options), [0], 1), tmp_path / "soft")
    assert soft.entries[0].tasks == plain.entries[0].tasks
