"""Files of soft labels."""

import json
from pathlib import Path

import numpy as np
import pytest

from pet_mtl.data import files, soft_labels
from pet_mtl.data.digest import rows_digest
from pet_mtl.data.readers import read_rows
from pet_mtl.data.rows import Rows
from pet_mtl.data.soft_labels import read_soft_labels
from pet_mtl.data.suite_data import load_task
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.task import DataSpec

PAIR = {"one": "left", "two": "right", "label": "y"}


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def said(path, task, **texts):
    """Return what a file says of one row."""
    fields = {name: [text] for name, text in texts.items()}
    return read_soft_labels([path.name], task, path.parent).of(Rows.of(fields))[0]


@pytest.mark.parametrize(
    "texts",
    [
        {"left": "ab", "right": "cd"},
        {"one": "ab", "two": "cd"},
        {"text": {"one": "ab", "two": "cd"}},
        {"left": "Ａ b", "two": "c d"},
    ],
)
def test_rows_are_found_by_their_texts(make_task, write, texts: dict) -> None:
    path = write("s.jsonl", lines({**texts, "probabilities": {"0": 0.25, "1": 0.75}}))
    task = make_task(PAIR)
    assert said(path, task, one="ab", two="cd") == pytest.approx([0.25, 0.75])
    assert np.isnan(said(path, task, one="cd", two="ab")).all()


def test_a_field_called_text_beside_others(make_task, write) -> None:
    task = make_task({"text": 0, "two": 1, "label": 2})
    path = write("s.jsonl", lines({"text": {"text": "ab", "two": "cd"}, "label": "1"}))
    assert said(path, task, text="ab", two="cd").tolist() == [0, 1]


@pytest.mark.parametrize("name", ["s.jsonl", "s.json", "s.jsonl.gz"])
def test_one_field_may_be_called_text_as_predict_does(make_task, write, name: str) -> None:
    import gzip

    rows = [{"text": "ab", "probabilities": {"1": 1}}, {"title": "cd", "label": "0"}]
    text = json.dumps(rows) if name == "s.json" else lines(*rows)
    path = write(name, gzip.compress(text.encode()) if name.endswith("gz") else text)
    task = make_task()
    assert said(path, task, title="ab").tolist() == [0, 1]  # of labels left out: 0
    assert said(path, task, title="cd").tolist() == [1, 0]  # a label alone is certain


def test_of_a_text_that_stands_there_more_than_once_the_mean_counts(make_task, write) -> None:
    first = write("a.jsonl", lines({"title": "ab", "label": "0"}, {"title": "x", "label": "1"}))
    write("b.jsonl", lines({"title": "AB", "probabilities": {"0": 0.5, "1": 0.5}}))
    found = read_soft_labels(["a.jsonl", "b.jsonl"], make_task(), first.parent)
    rows = Rows.of({"title": ["x", "ab", "none"]})
    np.testing.assert_allclose(found.of(rows), [[0, 1], [0.75, 0.25], [np.nan, np.nan]])


def test_rounded_probabilities_sum_to_one_again(make_task, write) -> None:
    path = write("s.jsonl", lines({"title": "a", "probabilities": {"0": 0.33, "1": 0.66}}))
    assert said(path, make_task(), title="a") == pytest.approx([1 / 3, 2 / 3])


def test_sets_of_labels_have_a_probability_each(make_task, write) -> None:
    task = make_task().model_copy(update={"kind": "multi_label"})
    path = write(
        "s.jsonl",
        lines(
            {"title": "a", "probabilities": {"0": 0.9, "1": 0.8}},
            {"title": "b", "labels": ["1"]},
            {"title": "c", "labels": []},
            {"title": "d", "label": "1,0"},
        ),
    )
    found = read_soft_labels([path.name], task, path.parent)
    wanted = [[0.9, 0.8], [0, 1], [0, 0], [1, 1]]
    np.testing.assert_allclose(found.of(Rows.of({"title": list("abcd")})), wanted)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"title": "a", "probabilities": {"0": 0.5}}', "the probabilities sum to 0.5, expected 1"),
        ('{"title": "a", "probabilities": {"0": -1, "1": 2}}', "no number from 0 to 1"),
        ('{"title": "a", "probabilities": {"0": NaN}}', "sum to 0, expected 1"),
        ('{"title": "a", "probabilities": {"0": Infinity}}', "no number from 0 to 1"),
        ('{"title": "a", "probabilities": {"0": 0.5, " 0": 0.5}}', '0" stands there twice'),
        (f'{{"title": "a", "probabilities": {{"0": 1{"0" * 400}}}}}', "no number from 0 to 1"),
        ('{"title": "a", "probabilities": {"0": true}}', "no number from 0 to 1"),
        ('{"title": "a", "probabilities": {"0": "1"}}', "no number from 0 to 1"),
        ('{"title": "a", "probabilities": {"00": 1}}', '"00" is no label of .*did you mean "0"'),
        ('{"title": "a", "probabilities": [1, 0]}', "`probabilities` is no object of labels"),
        ('{"title": "a", "label": "7"}', '"7" is no label of'),
        ('{"title": "a", "label": ["0", "1"]}', "is no label of"),
        ('{"title": "a"}', "neither `probabilities` nor `label`"),
        ('{"label": "0"}', "no text for the field `title`"),
        ('{"title": "a", "label": null}', "neither `probabilities` nor `label`"),
        ('{"title": ["a", "b"], "label": "0"}', "no text for the field `title`"),
        ('{"title": "\\ud800", "label": "0"}', "half a surrogate pair"),
        ("[1]", "expected an object"),
        ("{", ":2: "),
    ],
)
def test_bad_rows_are_told_with_their_place(make_task, write, row: str, message: str) -> None:
    path = write("s.jsonl", lines({"title": "b", "label": "0"}) + row + "\n")
    with pytest.raises(PetMtlError, match=message) as caught:
        read_soft_labels([path.name], make_task(), path.parent)
    assert f"{path}:2" in str(caught.value)
    assert "a line is" in str(caught.value)


def test_near_labels_are_looked_for_where_the_message_is_read(
    make_task, write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a wrong file of a million rows beside 5,000 labels it would take hours."""
    looked: list[str] = []
    monkeypatch.setattr(
        soft_labels, "get_close_matches", lambda label, known, n: looked.append(label) or ["1"]
    )
    path = write("s.jsonl", lines(*({"title": "a", "label": f"l{row}"} for row in range(100))))
    with pytest.raises(PetMtlError, match="and 80 more bad rows") as caught:
        read_soft_labels([path.name], make_task(), path.parent)
    assert str(caught.value).count('did you mean "1"?') == len(looked) == 20


def test_other_encodings_are_told_with_the_remedy(make_task, write) -> None:
    path = write("s.jsonl", '{"title": "新闻", "label": "0"}\n'.encode("gb18030"))
    with pytest.raises(PetMtlError, match="not UTF-8: byte 0xD0 at position 12") as caught:
        read_soft_labels([path.name], make_task(), path.parent)
    assert "iconv -f gb18030" in str(caught.value)


def test_rows_are_read_as_training_rows_are(make_task, write) -> None:
    task = make_task({"title": "title", "label": "mood"})
    rows = [
        {"title": 12, "mood": " 1 "},
        {"title": ["b"], "label": 0},
        {"title": "c", "probabilities": {"0": 1, "1": None}},
        {"title": "d", "probabilities": None, "mood": 1.0},
    ]
    path = write("s.jsonl", lines(*rows))
    found = read_soft_labels([path.name, str(path)], task, path.parent)
    wanted = [[0, 1], [1, 0], [1, 0], [0, 1]]
    assert found.of(Rows.of({"title": ["12", "b", "c", "d"]})).tolist() == wanted


@pytest.mark.parametrize("labels", [("0", "1"), ("0.0", "1.0"), ("1", "1.0")])
@pytest.mark.parametrize("cell", [1, "1", "1.0", " 1.00 ", "01", 2.0])
def test_whole_numbers_are_labels_as_in_training_rows(
    make_task, write, labels: tuple[str, str], cell: object
) -> None:
    task = make_task({"title": "title", "label": "label"}, labels, train="s.jsonl")
    path = write(
        "s.jsonl", lines({"title": "ab", "label": cell}, {"title": "c", "label": labels[0]})
    )
    try:
        number = read_rows("s.jsonl", task, base=path.parent)[0].labels[0]
    except PetMtlError:  # such as `1.00` where `1` and `1.0` are two labels
        with pytest.raises(PetMtlError):
            said(path, task, title="ab")
    else:
        assert said(path, task, title="ab").argmax() == number


def test_a_file_that_is_named_twice_counts_once(make_task, write, tmp_path: Path) -> None:
    write("a.jsonl", lines({"title": "x", "label": "0"}))
    write("b.jsonl", lines({"title": "x", "label": "1"}))
    (tmp_path / "c.jsonl").symlink_to("a.jsonl")
    found = read_soft_labels(["a.jsonl", "*.jsonl"], make_task(), tmp_path)
    assert found.of(Rows.of({"title": ["x"]})).tolist() == [[0.5, 0.5]]


def test_many_labels_take_no_more_than_their_numbers(make_task, write, monkeypatch) -> None:
    monkeypatch.setattr(soft_labels, "CHUNK_NUMBERS", 6)  # three rows at a time
    rows = [{"title": str(n % 5), "label": str(n % 2)} for n in range(20)]
    path = write("s.jsonl", lines(*rows))
    found = read_soft_labels([path.name], make_task(), path.parent)
    assert found.of(Rows.of({"title": ["0", "1"]})).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 100)
    monkeypatch.setattr(files, "MOST_GROWTH", 0)
    with pytest.raises(PetMtlError, match="the rows take more than"):
        read_soft_labels([path.name], make_task(), path.parent)


def test_files_that_hold_no_soft_labels(make_task, write) -> None:
    for name, text, message in (
        ("s.csv", "a,0\n", "read from JSON lines"),
        ("s.jsonl", "\n", "no rows"),
    ):
        path = write(name, text)
        with pytest.raises(PetMtlError, match=message):
            read_soft_labels([name], make_task(), path.parent)
    with pytest.raises(PetMtlError, match="no such data file"):
        read_soft_labels(["none.jsonl"], make_task(), path.parent)
    numbers = make_task().model_copy(update={"kind": "similarity"})
    with pytest.raises(PetMtlError, match="its rows have numbers"):
        read_soft_labels(["s.jsonl"], numbers, path.parent)


def test_a_task_is_loaded_with_its_soft_labels(make_task, write) -> None:
    path = write("train.tsv", "ab\t0\ncd\t1\n")
    write("s.jsonl", lines({"title": "cd", "label": "0"}))
    plain = load_task(make_task(), path.parent, 42)
    loaded = load_task(make_task(soft_labels="s.jsonl"), path.parent, 42)
    assert plain.soft_labels is None
    assert loaded.soft_labels is not None
    assert np.isnan(loaded.soft_labels.of(loaded.train)).any(1).tolist() == [True, False]
    assert rows_digest(plain) != rows_digest(loaded)
    with pytest.raises(PetMtlError) as caught:  # with what else is wrong
        load_task(make_task(soft_labels="none.jsonl", dev="gone.tsv"), path.parent, 42)
    assert "none.jsonl" in str(caught.value)
    assert "gone.tsv" in str(caught.value)


def test_settings_without_soft_labels_are_written_as_before() -> None:
    plain = DataSpec.model_validate({"train": "a"})
    assert "soft_labels" not in plain.model_dump()
    said = DataSpec.model_validate({"train": "a", "soft_labels": "s.jsonl"})
    assert DataSpec.model_validate_json(said.model_dump_json()) == said
    assert said.model_dump()["soft_labels"] == ("s.jsonl",)
