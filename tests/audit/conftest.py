"""Small suites in files, written by the tests, and rows with faults."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pet_mtl.audit.parts import Part
from pet_mtl.data.rows import Rows
from pet_mtl.suite.suite import Suite, load_suite

TASK = """\
  {name}:
    patterns: "{{mask}}。{{text}}"
    verbalizer: {{a: 好, b: 坏}}
    columns: {{text: {text}, label: {label}}}
    data: {data}
"""
MakeSuite = Callable[..., Suite]
MakePart = Callable[..., Part]


@pytest.fixture
def make_suite(tmp_path: Path) -> MakeSuite:
    """Write files and a pattern file with a task for each entry of `tasks` (name to its `data:`),
    and load it."""

    def make(
        files: Mapping[str, str | bytes],
        tasks: Mapping[str, str],
        columns: tuple[int | str, int | str] = (0, 1),
    ) -> Suite:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        text, label = columns
        sections = [
            TASK.format(name=name, data=data, text=text, label=label)
            for name, data in tasks.items()
        ]
        pattern_file = tmp_path / "suite.yaml"
        pattern_file.write_text(
            ("version: 1\nmodel: zh-mini\ntasks:\n") + "".join(sections), "utf-8"
        )
        return load_suite(pattern_file)

    return make


@pytest.fixture
def make_part() -> MakePart:
    """Return a part of a task in memory: two labels `a` and `b`, one text field unless `fields` has
    others."""
    import toys

    def make(
        texts: list[str],
        labels: list[int] | None = None,
        name: str = "train",
        task: str = "toy",
        **fields: list[str],
    ) -> Part:
        columns = {"text": texts, **fields}
        pattern = "{mask}。" + "，".join(f"{{{column}}}" for column in columns)
        spec = toys.make_task(pattern, {"a": ["好"], "b": ["坏"]}, name=task)
        rows = Rows.of(columns, labels=[0] * len(texts) if labels is None else labels, path=name)
        return Part(spec, name, rows, ())

    return make
