"""Rows in memory of all kinds are one list of rows."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pet_mtl.data.label_text import label_cell
from pet_mtl.data.memory import named_labels, row_list, text_columns
from pet_mtl.errors import PetMtlError

TEXTS = ["一", "二"]


def given(kind: str) -> Any:
    import datasets
    import pandas as pd

    return {
        "list": TEXTS,
        "tuple": tuple(TEXTS),
        "generator": (text for text in TEXTS),
        "series": pd.Series(TEXTS, index=[5, 9]),
        "numpy": np.array(TEXTS),
        "numpy objects": np.array(TEXTS, dtype=object),
        "arrow": pa.array(TEXTS),
        "arrow chunks": pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
        "frame": pd.DataFrame({"text": TEXTS}),
        "table": pa.table({"text": TEXTS}),
        "columns": {"text": TEXTS},
        "dataset": datasets.Dataset.from_dict({"text": TEXTS}),
        "dataset columns": {"text": datasets.Dataset.from_dict({"text": TEXTS})["text"]},
        "mappings": [{"text": text} for text in TEXTS],
        "tuples": [(text,) for text in TEXTS],
    }[kind]


KINDS = [
    "list",
    "tuple",
    "generator",
    "series",
    "numpy",
    "arrow",
    "frame",
    "table",
    "columns",
    "dataset",
    "mappings",
    "tuples",
]


@pytest.mark.parametrize("kind", [*KINDS, "numpy objects", "arrow chunks", "dataset columns"])
def test_kinds_of_rows(kind: str) -> None:
    assert text_columns(row_list(given(kind)), ("text",), "toy") == {"text": TEXTS}


def test_label_numbers_of_datasets() -> None:
    """As in a Parquet file: by name where a task has the names; -1 is a row without a label."""
    import datasets

    mood = datasets.ClassLabel(names=["down", "up"])
    features = datasets.Features({"mood": mood, "moods": datasets.List(mood)})
    columns = {"mood": [1, 0, -1], "moods": [[0, 1], [], [1]]}
    rows = datasets.Dataset.from_dict(columns, features=features)

    def found(column: str, *known: str) -> list[Any]:
        return named_labels([row[column] for row in rows], rows, column, set(known))

    assert found("mood", "down", "up") == ["up", "down", -1]
    assert found("moods", "up", "down") == [["down", "up"], [], ["up"]]
    assert found("mood", "0", "1") == [1, 0, -1]
    assert named_labels([1, 0], [{"mood": 1}, {"mood": 0}], "mood", {"up"}) == [1, 0]


@pytest.mark.parametrize("pairs", [[("a", "b")], [["a", "b"]], np.array([["a", "b"]])])
def test_pairs(pairs: Any) -> None:
    assert text_columns(row_list(pairs), ("one", "two"), "toy") == {"one": ["a"], "two": ["b"]}


@pytest.mark.parametrize("rows", ["text", {"text": "a"}, b"text", 3, None, {"a", "b"}])
def test_no_rows(rows: Any) -> None:
    with pytest.raises(PetMtlError, match="rows"):
        row_list(rows)


@pytest.mark.parametrize("row", [None, 3, float("nan"), ("a", "b", "c"), "a", {"one": "a"}])
def test_rows_without_their_texts(row: Any) -> None:
    with pytest.raises(PetMtlError, match=r"rows\[1\] gives no text for the field"):
        text_columns([("a", "b"), row], ("one", "two"), "toy")


def test_columns_that_would_be_lost_or_do_not_fit() -> None:
    import pandas as pd

    for rows in (
        pd.DataFrame([["a", "b"]], columns=["t", "t"]),
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["t", "t"]),
    ):
        with pytest.raises(PetMtlError, match="2 columns of `rows` are named `t`"):
            row_list(rows)
    with pytest.raises(PetMtlError, match="several lengths: `one` 2, `two` 1"):
        row_list({"one": TEXTS, "two": TEXTS[:1]})
    with pytest.raises(PetMtlError, match="no list of rows, found ndarray"):
        row_list(np.array("text"))


@pytest.mark.parametrize("missing", ["NA", "NaT"])
def test_what_pandas_has_for_missing_labels(missing: str) -> None:
    import pandas as pd

    assert label_cell(getattr(pd, missing)) == ""
