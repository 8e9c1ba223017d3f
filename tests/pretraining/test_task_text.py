from pathlib import Path

import pytest
from toy_texts import write_suite

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData, load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.task_text import TaskText, training_rows
from pet_mtl.suite.suite import load_suite


def texts(folder: Path, name: str) -> set[str]:
    return {
        line.split("\t")[0]
        for line in (folder / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    }


def documents_of(file: Path) -> tuple[set[str], int]:
    rows, left_out = training_rows(load_suite_data(load_suite(file)))
    corpus = TaskText(tuple(part for parts in rows.values() for part in parts))
    return {text for document in corpus.documents() for text in document}, left_out


def test_training_and_unlabelled_text_only(suite_file: Path) -> None:
    found, left_out = documents_of(suite_file)
    assert found == texts(suite_file.parent, "train") | texts(suite_file.parent, "more")
    assert left_out == 0


def test_dev_text_is_left_out_wherever_it_stands(tmp_path: Path, toy_model: Path) -> None:
    write_suite(tmp_path, toy_model)
    leak = (tmp_path / "dev.tsv").read_text(encoding="utf-8").splitlines()[0]
    for name in ("train", "more"):
        with (tmp_path / f"{name}.tsv").open("a", encoding="utf-8") as file:
            file.write(leak + "\n")
    found, left_out = documents_of(tmp_path / "toy.yaml")
    assert left_out == 1  # the unlabelled row is not even loaded
    assert not found & texts(tmp_path, "dev")


def test_dev_text_of_one_task_is_left_out_of_the_others() -> None:
    def rows(*texts: str) -> Rows:
        return Rows.of({"text": texts}, labels=[0] * len(texts))

    train = rows("a", "b")
    one = TaskData(train, row_keys(train), dev=rows("c"), test=rows("d"))
    other_train = rows("c", "e")
    other = TaskData(other_train, row_keys(other_train), unlabelled=rows("Ｄ", "f"))
    kept, left_out = training_rows({"one": one, "other": other})
    texts = {name: [part.fields["text"].to_pylist() for part in kept[name]] for name in kept}
    assert texts == {"one": [["a", "b"]], "other": [["e"], ["f"]]}
    assert left_out == 2


def test_a_dev_set_that_is_split_out_of_the_training_rows(tmp_path: Path, toy_model: Path) -> None:
    write_suite(tmp_path, toy_model, dev="{split: 0.25}")
    suite = load_suite(tmp_path / "toy.yaml")
    dev = load_suite_data(suite)["colour"].dev
    assert dev is not None
    held = set(dev.fields["text"].to_pylist())
    assert len(held) > 10
    found, _ = documents_of(tmp_path / "toy.yaml")
    assert not found & held
    assert found | held == texts(tmp_path, "train") | texts(tmp_path, "more")


@pytest.mark.parametrize("unlabelled", [True, False])
def test_unlabelled_rows_can_be_left_out(suite_file: Path, unlabelled: bool) -> None:
    rows, _ = training_rows(load_suite_data(load_suite(suite_file)), unlabelled=unlabelled)
    assert len(rows["colour"]) == 1 + unlabelled


def test_a_task_of_unlabelled_rows_alone(suite_file: Path) -> None:
    suite = load_suite(suite_file, overrides=["tasks.colour.data={unlabelled: more.tsv}"])
    rows, left_out = training_rows(load_suite_data(suite, texts_only=True))
    assert [len(part) for part in rows["colour"]] == [0, 30]
    assert left_out == 0
    with pytest.raises(PetMtlError, match="`colour` has no training rows"):
        load_suite_data(suite)
