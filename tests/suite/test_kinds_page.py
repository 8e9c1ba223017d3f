"""The example tasks of docs/kinds.md are tasks."""

import re
from pathlib import Path

from pet_mtl.suite.kind import KINDS
from pet_mtl.suite.suite import load_suite

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"


def test_its_examples_load(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    file = tmp_path / "kinds.yaml"
    file.write_text("version: 1\nmodel: zh-mini\ntasks:\n" + "".join(sections), encoding="utf-8")
    tasks = load_suite(file).tasks
    assert {task.kind for task in tasks.values()} == set(KINDS)
    assert {task.name for task in tasks.values() if task.kind == "classification"} == {"sections"}
    assert tasks["sections"].verbalizer.labels[0] == "news/sports"


def test_its_table_has_all_kinds_with_their_metrics() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, facts in KINDS.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.split("|")[-2].strip() == ", ".join(f"`{metric}`" for metric in facts.metrics)
