"""Parquet files."""

import gzip
import json
import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pet_mtl.data.parquet import read_parquet
from pet_mtl.data.readers import read_rows
from pet_mtl.data.table import BadRows, Request
from pet_mtl.errors import PetMtlError

COLUMNS = {"title": "sentence", "label": "label"}
TEXT = "[MASK] \x00 \x07 \r\n\t 👩‍👩‍👧 " + "长" * 100_000


@pytest.fixture
def write_table(tmp_path):
    def write(
        columns: dict[str, object], name: str = "t.parquet", metadata: dict[str, str] | None = None
    ):
        path = tmp_path / name
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
        return path

    return write


def read(path, task, **options):
    return read_rows(path.name, task, base=path.parent, **options)


@pytest.mark.parametrize(
    "labels",
    [
        pa.array(["1", " 0"]),
        pa.array([1, 0]),
        pa.array([1, 0], pa.int8()),
        pa.array([1.0, 0.0]),
        pa.array(["1", "0"]).dictionary_encode(),
        pa.array(["1", "0"], pa.large_string()),
        pa.array([b"1", b"0"]),
    ],
    ids=lambda array: str(array.type),
)
def test_texts_and_labels_of_many_types(make_task, write_table, labels: pa.Array) -> None:
    path = write_table({"other": [[1], [2]], "label": labels, "sentence": [TEXT, ""]})
    rows, _ = read(path, make_task(COLUMNS))
    assert rows.fields["title"].to_pylist() == [TEXT, ""]
    assert rows.labels.tolist() == [1, 0]
    assert rows.where(1) == f"{path}: row 2"


ITEMS = [
    pa.array([b"\xe6\x96\xb0"]),
    pa.array(["a"]).dictionary_encode(),
    pa.array([b"a"]).dictionary_encode(),
    pa.array([date(2020, 1, 31)]),
    pa.array([datetime(2020, 1, 31, 12)]),
    pa.array([Decimal("1.50")]),
    pa.array([7]),
]


@pytest.mark.parametrize("listed", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 1)])
@pytest.mark.parametrize("item", ITEMS, ids=lambda array: str(array.type))
def test_a_list_of_labels_reads_each_as_a_column_of_it(
    write_table, item: pa.Array, listed: Callable[[pa.DataType], pa.DataType]
) -> None:
    lists = pa.array([item.to_pylist()], pa.list_(item.type)).cast(listed(item.type))
    path = write_table({"one": item, "several": lists})
    one, several = (
        next(read_parquet(path, ".parquet", Request({"label": name}, lists=True), BadRows("t")))
        for name in ("one", "several")
    )
    (label,) = json.loads(several.columns["label"][0].as_py())
    assert str(label) == one.columns["label"][0].as_py()


def test_a_list_of_labels_that_are_no_text_is_a_bad_row(write_table) -> None:
    path = write_table({"sets": pa.array([[b"a"], [b"a", b"\xff"], None, [b"b"]])})
    bad = BadRows("t")
    (chunk,) = read_parquet(path, ".parquet", Request({"label": "sets"}, lists=True), bad)
    assert chunk.columns["label"].to_pylist() == ['["a"]', '["b"]']
    assert [problem.message for problem in bad.ordered()] == [
        "column `sets` is not UTF-8",
        "column `sets` holds no value",
    ]


def test_bad_rows(make_task, write_table) -> None:
    texts = pa.array([b"a", None, b"\xff", b"b", b"c"])
    path = write_table({"sentence": texts, "label": ["0", "0", "0", None, "1"]})
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task(COLUMNS))
    assert [(problem.where, problem.message) for problem in caught.value.problems] == [
        (f"{path}: row 2", "column `sentence` holds no value"),
        (f"{path}: row 3", "column `sentence` is not UTF-8"),
        (f"{path}: row 4", "column `label` holds no value"),
    ]
    rows, skipped = read(path, make_task(COLUMNS), skip_bad_rows=3)
    assert (rows.ids.to_pylist(), rows.where(1), len(skipped)) == (["0", "4"], f"{path}: row 5", 3)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("encoded", [False, True])
def test_numbers_that_are_missing(make_task, write_table, kind: pa.DataType, encoded: bool) -> None:
    """pandas writes missing cells of a column of numbers as NaN; `nan` in quotes is text."""
    numbers = pa.array([1.5, math.nan, math.inf, None, 0.0], pa.float64()).cast(kind)
    numbers = numbers.dictionary_encode() if encoded else numbers
    path = write_table({"sentence": numbers, "label": ["1"] * 5})
    rows, skipped = read(path, make_task(COLUMNS), skip_bad_rows=3)
    assert rows.fields["title"].to_pylist() == ["1.5", "0.0"]
    assert [problem.message for problem in skipped] == ["column `sentence` holds no value"] * 3
    path = write_table({"sentence": ["nan"] * 5, "label": numbers})
    rows, _ = read(path, make_task(COLUMNS, labels=("1.5", "0")), labelled=False)
    assert (rows.labels.tolist(), rows.fields["title"][0].as_py()) == ([0, -1, -1, -1, 1], "nan")


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl"])
def test_columns_in_structs_are_read_as_nested_keys_are(
    make_task, write, write_table, name: str
) -> None:
    texts = [{"x": "a"}, {"x": "b"}, {"x": None}, None]
    meta = [*({"text": text, "n": 1} for text in texts), None]
    labels = [{"l": number % 2} for number in range(5)]
    columns = {"meta": meta, "meta.n": list("fghij"), "y": labels}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = (
        write_table(columns)
        if name == "t.parquet"
        else write(name, "".join(f"{json.dumps(row)}\n" for row in rows))
    )
    nested, skipped = read(
        path, make_task({"text": "meta.text.x", "label": "y.l"}), skip_bad_rows=3
    )
    assert (nested.fields["text"].to_pylist(), nested.labels.tolist()) == (["a", "b"], [0, 1])
    assert [problem.where.rpartition(":")[2].split()[-1] for problem in skipped] == list("345")
    own, _ = read(path, make_task({"text": "meta.n", "label": "y.l"}))
    assert own.fields["text"].to_pylist() == list("fghij")
    with pytest.raises(PetMtlError, match=r"meta\.text"):
        read(path, make_task({"text": "meta.text", "label": "y.l"}))


def test_rows_without_labels(make_task, write_table) -> None:
    labelled = write_table({"sentence": ["a", "b"], "label": [None, 1]})
    assert read(labelled, make_task(COLUMNS), labelled=False)[0].labels.tolist() == [-1, 1]
    unlabelled = write_table({"sentence": ["a", "b"]}, "u.parquet")
    assert read(unlabelled, make_task(COLUMNS), labelled=False)[0].labels.tolist() == [-1, -1]


def test_labels_that_nobody_reads_may_be_several(make_task, write_table) -> None:
    task = make_task({"title": "text", "label": "label"})
    path = write_table({"text": ["a"], "label": pa.array([["x", "y"]])})
    rows, _ = read_rows(str(path), task, base=path.parent, labelled=False)
    assert (rows.fields["title"].to_pylist(), rows.labels.tolist()) == (["a"], [-1])
    with pytest.raises(PetMtlError, match=r"column `label` .* holds `list<"):
        read_rows(str(path), task, base=path.parent)


def test_label_numbers_become_the_names_that_datasets_notes(make_task, write_table) -> None:
    note = (
        '{"info": {"features": {"label": {"names": ["neutral", "entailment"], "_type": '
        '"ClassLabel"}}}}'
    )
    path = write_table({"sentence": ["a", "b"], "label": [0, 1]}, metadata={"huggingface": note})
    rows, _ = read(path, make_task(COLUMNS, labels=("entailment", "neutral")))
    assert rows.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("columns", "spec", "message"),
    [
        (
            {"sentense": ["a"], "label": [1]},
            COLUMNS,
            "no column `sentence` .*\n  hint: is it `sentense`",
        ),
        (
            {"sentence": [["a"]], "label": [1]},
            COLUMNS,
            (
                r"column `sentence` .* holds "
                r"`list<"
            ),
        ),
        (
            {"sentence": ["a"], "label": [True]},
            COLUMNS,
            'label "true" is not in verbalizers/toy.txt',
        ),
        ({"sentence": ["a"], "label": [1]}, {"title": 0, "label": 1}, "`columns` holds positions"),
        (
            {"sentence": pa.array([], pa.string()), "label": pa.array([], pa.string())},
            COLUMNS,
            "holds no rows",
        ),
    ],
)
def test_files_that_do_not_fit(make_task, write_table, columns, spec, message: str) -> None:
    with pytest.raises(PetMtlError, match=message):
        read(write_table(columns), make_task(spec))


def test_not_a_parquet_file(make_task, write) -> None:
    with pytest.raises(PetMtlError, match="cannot read the parquet file"):
        read(write("t.parquet", "no"), make_task(COLUMNS))


def test_a_file_that_was_cut_short_says_so(make_task, write, write_table) -> None:
    whole = write_table({"sentence": ["a", "b"], "label": ["1", "0"]}).read_bytes()
    for size in (4, 40, len(whole) - 1):
        for name, content in (
            ("t.parquet", whole[:size]),
            ("t.parquet.gz", gzip.compress(whole[:size])),
        ):
            with pytest.raises(PetMtlError) as caught:
                read(write(name, content), make_task(COLUMNS))
            (problem,) = caught.value.problems
            assert problem.hint == "its end is missing: copy or download it again"
    damaged = whole[:4] + bytes(len(whole) - 12) + whole[-8:]
    with pytest.raises(PetMtlError) as caught:
        read(write("t.parquet", damaged), make_task(COLUMNS))
    assert caught.value.problems[0].hint is None


def test_damaged_texts_and_names_are_errors(tmp_path, make_task, write_table) -> None:
    """Text that is no UTF-8 and notes of label names of other types are no reason for a traceback,
    nor for other rows to be lost."""
    from pet_mtl.data.parquet import class_names
    from pet_mtl.proposal.raw_table import read_raw_table

    bad = pa.array([b"\xe1\x00", b"b"]).view(pa.string())
    path = write_table({"sentence": bad, "label": ["1", "0"]})
    table = read_raw_table(path)
    assert (table.columns, table.skipped) == ([["b"], ["0"]], 1)
    for features in ("[]", "5", "null", '{"label": 5}', '{"label": {"names": 5}}'):
        text = f'{{"info": {{"features": {features}}}}}'
        assert class_names({b"huggingface": text.encode()}) == {}
    noted = '{"info": {"features": {"gone": {"names": ["a"]}, "label": {"names": [1, null]}}}}'
    path = write_table({"sentence": ["a", "b"], "label": [1, 0]}, metadata={"huggingface": noted})
    assert len(read_raw_table(path)) == 2
    with pytest.raises(PetMtlError):
        read(path, make_task(COLUMNS))
