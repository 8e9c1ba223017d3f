from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pet_mtl.comparison import run
from pet_mtl.comparison.plan import read_variants
from pet_mtl.comparison.shots import ALL, choose_rows, few_rows, most_of_a_label, read_shots
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import MachineError, PetMtlError
from pet_mtl.suite.suite import load_suite

LABELS = np.array([0, 1, 2, 2, 1, 0, 2, 2, 0, 2, 2, 1] * 5)
ROWS = Rows.of({"title": [f"text {k}" for k in range(len(LABELS))]}, labels=LABELS.tolist())


@pytest.mark.parametrize("shots", [1, 2, 7, 15, 20, 1000])
def test_every_label_has_its_rows(shots: int) -> None:
    rows = choose_rows(ROWS, shots, seed=3)
    everything = Counter(LABELS.tolist())
    assert Counter(LABELS[rows].tolist()) == {
        label: min(shots, count) for label, count in everything.items()
    }
    assert rows.tolist() == sorted(set(rows.tolist()))


def test_rows_depend_on_seed_and_are_nested() -> None:
    assert choose_rows(ROWS, 4, 1).tolist() == choose_rows(ROWS, 4, 1).tolist()
    assert choose_rows(ROWS, 4, 1).tolist() != choose_rows(ROWS, 4, 2).tolist()
    for seed in range(5):
        assert set(choose_rows(ROWS, 3, seed).tolist()) < set(choose_rows(ROWS, 8, seed).tolist())


def test_each_label_of_sets_has_rows_and_so_has_the_empty_set() -> None:
    sets = np.random.default_rng(0).random((200, 3)) < [0.6, 0.3, 0.02]
    first = np.where(sets.any(1), sets.argmax(1), 3)
    rows = Rows.of({"title": ["x"] * 200}, labels=first.tolist())
    rows.targets = sets.astype(np.float32)
    for shots in (1, 4, 9):
        chosen = choose_rows(rows, shots, 3)
        assert chosen.tolist() == sorted(set(chosen.tolist()))
        assert set(chosen.tolist()) <= set(choose_rows(rows, shots + 1, 3).tolist())
        found = np.append(sets[chosen].sum(0), (~sets[chosen].any(1)).sum())
        every = np.append(sets.sum(0), (~sets.any(1)).sum())
        assert (found >= np.minimum(shots, every)).all()
        assert len(chosen) <= 4 * shots
    assert most_of_a_label({"a": TaskData(rows, row_keys(rows))}) == every.max()


def test_each_tenth_of_numbers_has_rows() -> None:
    numbers = np.random.default_rng(0).random(200).astype(np.float32)
    rows = Rows.of({"title": ["x"] * 200}, labels=(numbers * 10).astype(int).tolist())
    rows.targets = numbers
    chosen = numbers[choose_rows(rows, 4, 3)]
    assert Counter((chosen * 10).astype(int).tolist()) == dict.fromkeys(range(10), 4)


def test_dev_rows_stay_and_a_task_gets_the_same_rows_alone() -> None:
    train = ROWS
    task = TaskData(train, row_keys(train), dev=train, notes=["a note"])
    both, alone = few_rows({"a": task, "b": task}, 2, 5), few_rows({"b": task}, 2, 5)
    assert both["b"].train.ids.to_pylist() == alone["b"].train.ids.to_pylist()
    assert both["a"].dev is train
    assert np.array_equal(both["a"].train_keys, row_keys(both["a"].train))
    assert few_rows({"a": task}, ALL, 5) == {"a": task}
    most = most_of_a_label({"a": task})
    assert most == max(Counter(LABELS.tolist()).values())
    assert len(few_rows({"a": task}, most, 5)["a"].train) == len(train)


@pytest.mark.parametrize(
    ("text", "shots"),
    [("all", [ALL]), ("8", [8]), ("all,128, 8,0", [0, 8, 128, ALL]), ("8,8,08", [8])],
)
def test_shots_are_read(text: str, shots: list[int | str]) -> None:
    assert read_shots(text) == shots


@pytest.mark.parametrize("text", ["", "8,", "-1", "1.5", "alle", "８"])
def test_wrong_shots(text: str) -> None:
    with pytest.raises(PetMtlError, match="is not a number of rows"):
        read_shots(text)


def test_shots_that_leave_no_row_out_are_told(
    suite_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise MachineError("the disk is full")

    monkeypatch.setattr(run, "train_cell", full)
    variants = read_variants("pet", lambda name, _: load_suite(suite_file, method=name))
    with pytest.raises(MachineError):
        run.compare(run.Request(variants, [2, 999, ALL], 1), tmp_path / "out")
    assert [
        line for line in capsys.readouterr().err.splitlines() if "leaves no row out" in line
    ] == ["warning: `--shots 999` leaves no row out: no label has more than 8"]
