"""JSON lines and JSON arrays."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pet_mtl.data.jsonl import read_json
from pet_mtl.data.readers import read_rows
from pet_mtl.data.table import BadRows, Request
from pet_mtl.errors import PetMtlError

COLUMNS = {"title": "sentence", "label": "label_desc"}


def read(path, task, **options):
    return read_rows(path.name, task, base=path.parent, **options)


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_fewclue_lines(make_task, write, name: str) -> None:
    lines = (
        '{"label": 1, "label_desc": "news_a", "sentence": "股市", "id": 7}\n\n{"sentence": '
        '"球", '
        '"label_desc": " 3 "}'
    )
    path = write(name, "\ufeff" + lines)
    rows, _ = read(path, make_task(COLUMNS, labels=("3", "news_a")))
    assert rows.fields["title"].to_pylist() == ["股市", "球"]
    assert rows.labels.tolist() == [1, 0]
    assert [rows.where(0), rows.where(1)] == [f"{path}:1", f"{path}:3"]


def test_fields_of_a_task_of_positions_are_keys(make_task, write) -> None:
    path, task = (
        write("t.jsonl", '{"title": "股市", "label": "0"}\n'),
        make_task({"title": 1, "label": 2}),
    )
    rows, _ = read(path, task, labelled=True, tolerant=True)
    assert (rows.fields["title"].to_pylist(), rows.labels.tolist()) == (["股市"], [0])
    without = write("u.jsonl", '{"title": "股市"}\n')
    assert read(without, task, labelled=False, tolerant=True)[0].text(0) == {"title": "股市"}
    with pytest.raises(PetMtlError, match="`columns` holds positions"):
        read(path, task)
    other = write("o.jsonl", '{"text": "股市"}\n')
    with pytest.raises(PetMtlError, match="no key `title`"):
        read(other, task, labelled=False, tolerant=True)


@pytest.mark.parametrize("label", ["null", "NaN"])
def test_a_label_that_is_missing_is_none_where_none_is_wanted(make_task, write, label: str) -> None:
    path = write("t.jsonl", f'{{"sentence": "a", "label_desc": {label}}}\n')
    assert read(path, make_task(COLUMNS), labelled=False)[0].labels.tolist() == [-1]


@pytest.mark.parametrize("before", ["   \n", "\ufeff \r\n\t\r\n  ", "\n   \n\n", " " * (1 << 20)])
def test_an_array_behind_white_space(make_task, write, before: str) -> None:
    path = write("t.json", before + '[{"sentence": "a", "label_desc": 0}]')
    assert read(path, make_task(COLUMNS))[0].fields["title"].to_pylist() == ["a"]
    lines = write("l.json", before + '{"sentence": "a", "label_desc": 0}\n')
    assert read(lines, make_task(COLUMNS))[0].fields["title"].to_pylist() == ["a"]


def test_an_array_of_objects(make_task, write) -> None:
    path = write(
        "t.json", ('\n [{"sentence": "a",\n "label_desc": 0}, {"sentence": 5, "label_desc": 1}]')
    )
    rows, _ = read(path, make_task(COLUMNS))
    assert rows.fields["title"].to_pylist() == ["a", "5"]
    assert rows.where(1) == f"{path}: item 2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"sentence": "b"}',
            ("no key `label_desc` (wanted by `columns.label`), found `sentence`"),
        ),
        ("{}", "no key `sentence` (wanted by `columns.title`), found an empty object"),
        ('{"\\ud800": 1}', "no key `sentence` (wanted by `columns.title`), found `?`"),
        (
            '{"sentence": null, "label_desc": 0}',
            "the value of `sentence` is null, expected text or a number",
        ),
        (
            '{"sentence": NaN, "label_desc": 0}',
            "the value of `sentence` is NaN, expected text or a number",
        ),
        (
            '{"sentence": "b", "label_desc": [-Infinity]}',
            "the value of `label_desc` is -Infinity, expected text or a number",
        ),
        (
            '{"sentence": [], "label_desc": 0}',
            "the value of `sentence` is a list, expected text or a number",
        ),
        (
            '{"sentence": ["a", 1], "label_desc": 0}',
            "the value of `sentence` is a list of 2: `a`, `1`, expected one",
        ),
        (
            '{"sentence": "b", "label_desc": {}}',
            "the value of `label_desc` is an object, expected text or a number",
        ),
        (
            '{"sentence": "\\ud83d", "label_desc": 0}',
            "the value of `sentence` holds half a surrogate pair",
        ),
        ('{"sentence": "b", "label_desc": 2}', 'label "2" is not in verbalizers/toy.txt'),
        (
            '{"sentence": "b", "label_desc": "0", "label_desc": "1"}',
            "the key `label_desc` stands several times",
        ),
        ('{"sentence": "b"', "invalid JSON: Expecting ',' delimiter"),
        ("[1]", "expected an object, found a list"),
        ("5", "expected an object, found a number or text"),
        ("[" * 100_000, "lists or objects are nested too deeply"),
        ('{"sentence": ' + "9" * 5000 + "}", "a number of more than 4,300 digits"),
    ],
)
def test_bad_rows_are_named_and_can_be_skipped(make_task, write, line: str, message: str) -> None:
    good = '{"sentence": "a", "label_desc": "0"}\n'
    path = write("t.json", good + line + "\n" + good)
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task(COLUMNS))
    (problem,) = caught.value.problems
    assert problem.where == f"{path}:2"
    assert problem.message.startswith(message)
    rows, skipped = read(path, make_task(COLUMNS), skip_bad_rows=1)
    assert rows.ids.to_pylist() == ["0", "2"]
    assert skipped == [problem]


def test_bytes_that_are_not_utf_8(make_task, write) -> None:
    path = write("t.json", '{"sentence": "新闻"}\n'.encode("gb18030"))
    with pytest.raises(PetMtlError, match="not UTF-8: byte 0xD0 at position 15") as caught:
        read(path, make_task(COLUMNS))
    assert "iconv -f gb18030" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        ('[{"sentence": 1},\n{"x" 2}]', ":2", "invalid JSON: Expecting ':' delimiter"),
        (
            b'[{"sentence": 1},\n{"\xff": 2}]',
            ":2",
            "not UTF-8: byte 0xFF at position 3 of the line",
        ),
        ("[" * 100_000, "", "lists or objects are nested too deeply"),
        ("[" + "9" * 5000 + "]", "", "a number of more than 4,300 digits"),
    ],
)
def test_broken_arrays(make_task, write, content, where: str, message: str) -> None:
    path = write("t.json", content)
    with pytest.raises(PetMtlError) as caught:
        read(path, make_task(COLUMNS))
    (problem,) = caught.value.problems
    assert problem.where == f"{path}{where}"
    assert problem.message.startswith(message)


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    ("value", "hint"), [("9" * 5000, "in quotes"), ("[" * 100_000 + "]" * 100_000, "one object")]
)
def test_values_beyond_python_have_a_remedy_of_their_own(
    make_task, write, array: bool, value: str, hint: str
) -> None:
    line = f'{{"sentence": {value}}}'
    with pytest.raises(PetMtlError) as caught:
        read(write("t.json", f"[{line}]" if array else line), make_task(COLUMNS))
    (problem,) = caught.value.problems
    assert hint in str(problem.hint)
    assert "per line" not in str(problem.hint)
    assert "sys." not in str(problem)
    assert "recursion" not in str(problem)


def test_a_pretty_printed_object_gets_a_hint(make_task, write) -> None:
    with pytest.raises(PetMtlError, match="one JSON object per line, or one array"):
        read(write("t.json", '{\n"data": []\n}'), make_task(COLUMNS))


def test_positions_do_not_fit(make_task, write) -> None:
    with pytest.raises(PetMtlError, match="`columns` holds positions"):
        read(write("t.json", "{}"), make_task({"title": 0, "label": 1}))


def test_rows_without_labels(make_task, write) -> None:
    path = write(
        "t.json",
        (
            '{"sentence": "a"}\n{"sentence": "b", "label_desc": null}\n{"sentence": "c", '
            '"label_desc": 1}'
        ),
    )
    rows, _ = read(path, make_task(COLUMNS), labelled=False)
    assert rows.labels.tolist() == [-1, -1, 1]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
    escaped=st.booleans(),
)
def test_any_text_survives(make_task, tmp_path, texts: list[str], escaped: bool) -> None:
    path = tmp_path / "t.jsonl"
    rows_out = [
        json.dumps({"sentence": text, "label_desc": 1}, ensure_ascii=escaped) for text in texts
    ]
    path.write_bytes("\n".join(rows_out).encode("utf-8"))
    rows, _ = read(path, make_task(COLUMNS))
    assert rows.fields["title"].to_pylist() == texts


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ({"data": {"text": "好"}, "label": ["正面"]}, "正面"),
        ({"data": {"text": ["好"]}, "label": True}, "true"),
        ({"data": {"text": "好"}, "label": [False]}, "false"),
        ({"data.text": "好", "label": 3}, "3"),
    ],
)
def test_lists_of_one_nested_keys_and_booleans_are_read(
    tmp_path: Path, row: dict[str, object], label: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    bad = BadRows(str(file))
    (chunk,) = read_json(file, ".jsonl", Request({"text": "data.text", "label": "label"}), bad)
    assert {name: column.to_pylist() for name, column in chunk.columns.items()} == {
        "text": ["好"],
        "label": [label],
    }


def test_a_key_of_two_values_is_refused_only_where_it_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"data": {"text": "好", "by": 1, "by": 2}, "label": "正面", "note": 1, "note": 2}\n'
        '{"data": {"text": "好", "text": "坏"}, "label": "正面"}\n',
        encoding="utf-8",
    )
    bad = BadRows(str(file))
    request = Request({"text": "data.text", "label": "label"})
    (chunk,) = read_json(file, ".jsonl", request, bad)
    assert chunk.columns["text"].to_pylist() == ["好"]
    (problem,) = bad.ordered()
    assert problem.message == "the key `data.text` stands several times"


def test_ids_may_stand_in_objects_where_they_may_be_missing(make_task, write) -> None:
    lines = ['{"text": "a", "meta": {"id": "T-1"}}', '{"text": "b", "meta": {}}', '{"text": "c"}']
    path = write("t.jsonl", "\n".join(lines))
    task = make_task({"title": "text", "label": "label", "id": "meta.id"})
    rows, _ = read_rows(str(path), task, base=path.parent, labelled=False, tolerant=True)
    assert rows.ids.to_pylist() == ["T-1", "1", "2"]


def test_labels_that_nobody_reads_may_be_several(make_task, write) -> None:
    lines = ['{"text": "a", "label": ["x", "y"]}', '{"text": "b", "label": {"x": 1}}']
    path = write("t.jsonl", "\n".join(lines))
    task = make_task({"title": "text", "label": "label"})
    rows, _ = read_rows(str(path), task, base=path.parent, labelled=False, tolerant=True)
    assert rows.fields["title"].to_pylist() == ["a", "b"]
    assert rows.labels.tolist() == [-1, -1]


def test_several_labels_are_said_by_name(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"text": "好", "label": ["价格", "包装"]}) + "\n", encoding="utf-8")
    bad = BadRows(str(file))
    list(read_json(file, ".jsonl", Request({"text": "text", "label": "label"}), bad))
    assert [problem.message for problem in bad.shown()] == [
        "the value of `label` is a list of 2: `价格`, `包装`, expected one"
    ]
