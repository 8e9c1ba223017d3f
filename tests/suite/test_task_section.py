import copy
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.errors import ProblemList
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.task_section import build_task
from pet_mtl.suite.yaml_file import Document
from pet_mtl.text import one_line

SECTION: dict[str, Any] = {
    "prefix": "新闻：",
    "patterns": ["{mask}{title}", "{title}：{mask}"],
    "verbalizer": {"100": "故事", "101": ["文化", "艺术"]},
    "columns": {"title": 1, "label": 2},
    "data": {"train": "a.tsv"},
}


def build(
    name: str = "tnews", /, *, file: Path | None = None, path: str = "x.yaml", **changes: Any
) -> tuple[TaskSpec | None, list[str]]:
    """Build a task from SECTION with changes (None takes a key out); every key has its own line."""
    section = {
        key: value
        for key, value in {**copy.deepcopy(SECTION), **changes}.items()
        if value is not None
    }
    key = ("tasks", name)
    lines: dict[tuple[str | int, ...], int] = {(): 1, key: 1}
    for line, (part, value) in enumerate(section.items(), start=1):
        lines[(*key, part)] = line * 10
        for offset, item in enumerate(
            value
            if isinstance(value, dict)
            else range(len(value))
            if isinstance(value, list)
            else ()
        ):
            lines[(*key, part, item)] = line * 10 + offset
    problems = ProblemList()
    task = build_task(name, section, Document(path, {}, lines), file, problems)
    return task, [str(problem) for problem in problems.problems]


def test_a_task_with_inline_words() -> None:
    task, problems = build()
    assert problems == []
    assert task is not None
    assert task.patterns == ("{mask}{title}", "{title}：{mask}")
    assert task.verbalizer.labels == ("100", "101")
    assert task.verbalizer.words == (("故事",), ("文化", "艺术"))
    assert task.verbalizer.where(1) == "x.yaml:31"


def test_one_pattern_may_stand_alone() -> None:
    task, problems = build(patterns="{mask}{title}")
    assert problems == []
    assert task is not None
    assert task.patterns == ("{mask}{title}",)


@pytest.mark.parametrize("name", ["a", "0", "tnews-2", "a_b", "a" * 200, "con"])
def test_task_names(name: str) -> None:
    assert build(name)[1] == []


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "_a", "a b", "新闻", "a.b", "a/b", "a\n", "a" * 201]
)
def test_invalid_task_names(name: str) -> None:
    task, problems = build(name)
    assert task is None
    assert len(problems) == 1
    assert problems[0].startswith(f"x.yaml:1: `{one_line(name)}` is not a task name")


PROBLEMS: list[tuple[dict[str, Any], list[str]]] = [
    ({"prefix": "新闻{mask}"}, ["x.yaml:10: the prefix `新闻{mask}` holds a brace"]),
    (
        {"prefix": 3},
        ["x.yaml:10: `tasks.tnews.prefix` must be text, found `3`\n  hint: put it in quotes"],
    ),
    ({"patterns": None}, ["x.yaml:1: `tasks.tnews.patterns` is missing"]),
    (
        {"patterns": []},
        [("x.yaml:20: `tasks.tnews.patterns` must be a text or a list of texts that is not empty")],
    ),
    ({"patterns": ""}, [("x.yaml:20: `tasks.tnews.patterns.0` must be a text that is not empty")]),
    (
        {"patterns": ["{title}", "{mask}{title}{"]},
        ["x.yaml:20: no `{mask}`", "x.yaml:21: `{` at character 14 is never closed"],
    ),
    ({"patterns": "{mask}"}, ["x.yaml:20: no field in the pattern `{mask}`"]),
    (
        {"patterns": ["{mask}{title}", 3]},
        ["x.yaml:21: `tasks.tnews.patterns.1` must be text, found `3`"],
    ),
    (
        {"patterns": ["{mask}{titel}"]},
        [
            (
                "x.yaml:20: the pattern uses `{titel}`, but `columns` has no `titel`\n  hint: "
                "columns: `title`"
            )
        ],
    ),
    ({"patterns": "{mask}{MASK}{title}"}, ["x.yaml:20: the pattern uses `{MASK}`"]),
    (
        {"patterns": "{mask}{title}{label}"},
        ["x.yaml:20: the pattern uses `{label}`, which is not a text"],
    ),
    ({"columns": None}, ["x.yaml:1: `tasks.tnews.columns` is missing"]),
    (
        {"columns": [1]},
        ["x.yaml:40: `tasks.tnews.columns` must map fields to columns, found a list"],
    ),
    ({"columns": {"title": 1}}, ["x.yaml:40: no `label` column"]),
    ({"columns": {"id": 0, "label": 1}}, ["x.yaml:40: no text column"]),
    ({"columns": {"title": 1, "label": "b"}}, [("x.yaml:40: columns mix positions and names")]),
    ({"columns": {"title": -1, "label": 2}}, [("x.yaml:40: column `title` must be 0 or more")]),
    (
        {"columns": {"title": 1, "label": 1}},
        ["x.yaml:41: columns `title` and `label` are both `1`"],
    ),
    (
        {"columns": {"title": 1, "label": 2, "mask": 3}},
        ["x.yaml:42: no column can be called `mask`"],
    ),
    ({"columns": {"title": 1, "label": 2, "a b": 3}}, [("x.yaml:42: `a b` is not a field name")]),
    ({"columns": {"title": True, "label": 2}}, [("x.yaml:40: column `title` must be a position")]),
    ({"columns": {"title": "", "label": "b"}}, [("x.yaml:40: column `title` must be a position")]),
    ({"columns": {"title": 1.0, "label": 2}}, [("x.yaml:40: column `title` must be a position")]),
    ({"verbalizer": None}, ["x.yaml:1: `tasks.tnews.verbalizer` is missing"]),
    (
        {"verbalizer": 3},
        [("x.yaml:30: `tasks.tnews.verbalizer` must be a file name, or labels with their words")],
    ),
    ({"verbalizer": ["a"]}, ["x.yaml:30: `tasks.tnews.verbalizer` must be a file name"]),
    ({"verbalizer": ""}, ["x.yaml:30: `tasks.tnews.verbalizer` must be a file name"]),
    ({"verbalizer": {}}, ["x.yaml:30: no labels"]),
    ({"verbalizer": {"0": "a"}}, [("x.yaml:30: only one label; a task needs at least two labels")]),
    ({"verbalizer": {"0": "a", "1": None}}, ['x.yaml:31: label "1" has no label word']),
    (
        {"verbalizer": {"0": "a", "1": 3}},
        ["x.yaml:31: a label word must be text, found `3`\n  hint: put it in quotes"],
    ),
    (
        {"verbalizer": {"0": "a", "1": [["b"]]}},
        ["x.yaml:31: a label word must be text, found a list"],
    ),
    (
        {"verbalizer": {"0": ["a", "b"], "1": ["b", "a"]}},
        ['x.yaml:31: labels "0" (line 30) and "1" have the same'],
    ),
    (
        {"verbalizer": "no.txt"},
        ["x.yaml:30: verbalizer file `no.txt` not found\n  hint: the path is relative"],
    ),
    ({"verbalizer": "x" * 5000}, ["x.yaml:30: verbalizer file `xxx"]),
    ({"data": None}, ["x.yaml:1: `tasks.tnews.data` is missing"]),
    ({"data": "a"}, ["x.yaml:50: `tasks.tnews.data` must be keys and values"]),
    (
        {"data": {"train": {"a": 1}}},
        ["x.yaml:50: `tasks.tnews.data.train` must be a text or a list of texts"],
    ),
    (
        {"data": {"train": "a", "dev": {"split": 2}}},
        ["x.yaml:51: `tasks.tnews.data.dev.split` must be below 1, found `2`"],
    ),
    ({"metric": "f1"}, ["x.yaml:60: `tasks.tnews.metric` must be one of `macro_f1` or"]),
    ({"metric": "pearson"}, ["x.yaml:60: `tasks.tnews.metric` must be one of `macro_f1` or"]),
    *(
        (
            {"slots": slots},
            [
                "x.yaml:60: `tasks.tnews.slots`: must be `exact`, `shared` or the most prompts that a "
                f"row is read in, such as 2, found `{shown}`"
            ],
        )
        for slots, shown in (
            ("share", '"share"'),
            (0, "0"),
            (-1, "-1"),
            (2.5, "2.5"),
            (True, "true"),
        )
    ),
    ({"aggregation": "sum"}, ["x.yaml:60: `tasks.tnews.aggregation` must be one of"]),
    ({"pattern": "x"}, [("x.yaml:60: unknown key `pattern`\n  hint: did you mean `patterns`?")]),
    ({"name": "x"}, ["x.yaml:60: unknown key `name`"]),
    (
        {"verbalizer_kind": "wieghted"},
        [("x.yaml:60: `tasks.tnews.verbalizer_kind.name` must be one of `manual`, `weighted`")],
    ),
    ({"verbalizer_kind": 3}, ["x.yaml:60: `tasks.tnews.verbalizer_kind` must be"]),
    ({"verbalizer_kind": ["soft"]}, ["x.yaml:60: `tasks.tnews.verbalizer_kind` must be"]),
    (
        {"verbalizer_kind": {"name": "soft", "kep": 1}},
        ["x.yaml:61: unknown key `kep`\n  hint: did you mean `keep`?"],
    ),
    (
        {"verbalizer_kind": {"name": "knowledgeable", "keep": 0}},
        ["x.yaml:61: `tasks.tnews.verbalizer_kind.keep` must be above 0"],
    ),
    (
        {"verbalizer_kind": {"name": "weighted", "keep": 0.3}},
        [
            (
                "x.yaml:61: `tasks.tnews.verbalizer_kind`: `keep` is an option of `knowledgeable`, "
                "not of `weighted`"
            )
        ],
    ),
    (
        {"verbalizer_kind": {"name": "prototypical", "size": 6.5}},
        ["x.yaml:61: `tasks.tnews.verbalizer_kind.size` must be a whole number"],
    ),
    (
        {"verbalizer_kind": "soft", "aggregation": "max"},
        ["x.yaml:70: `tasks.tnews`: `aggregation: max` is for manual verbalizers, not for"],
    ),
    (
        {"pattern_weights": "acuracy"},
        [
            (
                "x.yaml:60: `tasks.tnews.pattern_weights`: must be `equal`, `accuracy`, "
                "`learned` or a list of weights"
            )
        ],
    ),
    ({"pattern_weights": [1, -1]}, [("x.yaml:60: `tasks.tnews.pattern_weights`: must be `equal`")]),
    ({"pattern_weights": [0, 0]}, [("x.yaml:60: `tasks.tnews.pattern_weights`: must be `equal`")]),
    (
        {"pattern_weights": [1, 2, 3]},
        ["x.yaml:60: `tasks.tnews`: 2 patterns have 3 `pattern_weights`"],
    ),
    (
        {"patterns": "{mask}{soft:x}{title}"},
        ["x.yaml:20: `{soft:x}` says no number of learned pieces"],
    ),
    ({"patterns": "{mask}{soft:8}"}, ["x.yaml:20: no field in the pattern"]),
]


@pytest.mark.parametrize(("changes", "starts"), PROBLEMS)
def test_problems(
    changes: dict[str, Any], starts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task, problems = build(**changes)
    assert task is None
    assert len(problems) == len(starts), problems
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(start), problem


def test_problems_of_all_keys_come_at_once() -> None:
    _, problems = build(
        prefix="{", patterns="{title}", verbalizer={"0": "a"}, columns={"a": 1}, data={}, metric="x"
    )
    assert len(problems) == 6


def test_a_section_that_is_no_mapping() -> None:
    problems = ProblemList()
    assert (
        build_task("a", None, Document("x.yaml", {}, {("tasks", "a"): 3}), None, problems) is None
    )
    assert str(problems.problems[0]) == (
        "x.yaml:3: task `a` must have keys and values, found nothing"
    )


def test_verbalizer_files_start_from_the_pattern_file(tmp_path: Path) -> None:
    (tmp_path / "patterns").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "tnews.txt").write_text("a b\nc d\n")
    path = str(tmp_path / "patterns" / "x.yaml")
    task, problems = build(path=path, verbalizer="../words/tnews.txt")
    assert problems == []
    assert task is not None
    assert task.verbalizer.source == str(tmp_path / "words" / "tnews.txt")
    _, problems = build(path=path, verbalizer="../words/tnew.txt")
    assert problems[0].endswith("hint: did you mean `tnews.txt`?")


def test_a_path_through_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "real" / "v.txt").write_text("a b\nc d\n")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "inner")
    task, problems = build(path=str(tmp_path / "link" / "x.yaml"), verbalizer="../v.txt")
    assert problems == []
    assert task is not None
    assert task.verbalizer.labels == ("a", "c")


def test_another_verbalizer_replaces_the_own_one(tmp_path: Path) -> None:
    file = tmp_path / "v.txt"
    file.write_text("a b\nc d\n")
    for own in (SECTION["verbalizer"], "no.txt", None):
        task, problems = build(file=file, verbalizer=own)
        assert problems == []
        assert task is not None
        assert task.verbalizer.labels == ("a", "c")
    file.write_text("a\nc d\n")
    _, problems = build(file=file)
    assert problems == [
        f'{file}:1: label "a" has no label word\n  hint: write its words behind it: a  WORD'
    ]


def test_openprompt_templates_are_patterns(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('{"meta": "title"}？{"mask"}\n\n{"mask"}：{"meta": "title"}\n')
    both = ['{"meta": "title"} is {"mask"}', "t.txt", "{mask}{title}"]
    task, problems = build(patterns=both, path=str(tmp_path / "x.yaml"))
    assert problems == []
    assert task is not None
    assert task.patterns == (
        "{title} is {mask}",
        "{title}？{mask}",
        "{mask}：{title}",
        "{mask}{title}",
    )


@pytest.mark.parametrize(
    ("pattern", "starts"),
    [
        ('{"soft"} {"mask"}{"meta": "title"}', ["x.yaml:20: `soft` in the template part"]),
        (
            '{"placeholder": "text_a"}{"mask"}',
            ["x.yaml:20: the pattern uses `{text_a}`, but `columns` has no"],
        ),
        ("none.txt", ["x.yaml:20: template file `none.txt` not found"]),
        ("bad.txt", ["bad.txt:1: the template part", "bad.txt:3: no `{mask}`"]),
        ("empty.txt", ["empty.txt: no template"]),
    ],
)
def test_wrong_templates(
    pattern: str, starts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.txt").write_text('{"mask": open("ran", "w")}\n{"meta": "title"}{"mask"}\nplain\n')
    Path("empty.txt").write_text("\n")
    task, problems = build(patterns=[pattern])
    assert task is None
    assert len(problems) == len(starts), problems
    assert all(
        problem.startswith(start) for problem, start in zip(problems, starts, strict=True)
    ), problems
    assert not Path("ran").exists()
