"""The notebooks in `examples/` run, cell by cell."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_cells(file: Path) -> list[Any]:
    """Run the code cells in one namespace, and return the values of their last expressions."""
    cells = json.loads(file.read_text("utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{file.name}:{number}", "exec"), names)
        if last is not None:
            expression = ast.Expression(last.value)
            shown.append(eval(compile(expression, f"{file.name}:{number}", "eval"), names))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda file: file.stem)
def test_a_notebook(file: Path) -> None:
    shown = run_cells(file)
    assert all(hasattr(value, "_repr_html_") or repr(value) for value in shown)
    zero, _, run, predicted, score = shown
    assert zero.tasks == ("reviews",)
    assert run.scores["reviews"].examples > 0
    assert [one.label for one in predicted] == ["negative", "positive"]
    assert score == 1


def test_notebooks_hold_no_outputs() -> None:
    for file in EXAMPLES.glob("*.ipynb"):
        for cell in json.loads(file.read_text("utf-8"))["cells"]:
            assert not cell.get("outputs")
