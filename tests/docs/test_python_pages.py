"""The arguments that pages for users give to our functions are arguments of these functions."""

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
PYTHON = re.compile(r"^ *```python\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
OF_TRAIN = {
    "epochs",
    "label_share",
    "learning_rate",
    "max_steps",
}  # keys of `train:`, which `train` takes too


def read_arguments(file: str, name: str) -> set[str]:
    """Return the arguments of a function or class without importing torch and scikit-learn."""
    source = ast.parse((ROOT / "pet_mtl" / "api" / file).read_text(encoding="utf-8"))
    found = next(node for node in source.body if getattr(node, "name", "") == name)
    if isinstance(found, ast.ClassDef):
        fields = {
            ast.unparse(node.target) for node in found.body if isinstance(node, ast.AnnAssign)
        }
        inits = [node for node in found.body if getattr(node, "name", "") == "__init__"]
        return fields or {arg.arg for arg in inits[0].args.args + inits[0].args.kwonlyargs}
    return {arg.arg for arg in found.args.args + found.args.kwonlyargs}


CLASSIFIER = read_arguments("classifier.py", "PetClassifier")
ACCEPTED = {
    "PetClassifier": CLASSIFIER,
    "Task": read_arguments("task.py", "Task"),
    "train": read_arguments("train.py", "train") | OF_TRAIN,
    "load": read_arguments("load.py", "load"),
}


def test_code_gives_arguments_that_exist() -> None:
    for block in PYTHON.findall("\n".join(PAGES.values())):
        for call in ast.walk(ast.parse(textwrap.dedent(block))):
            name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
            known = ACCEPTED.get(name.removeprefix("pet_mtl."))
            if known:
                assert {key.arg for key in call.keywords} <= known, ast.unparse(call)


def test_what_setfit_calls_otherwise_is_an_argument_here() -> None:
    named = {*re.findall(r"`(\w+)=[^`]*`", PAGES["from-setfit.md"])} - {"multi_target_strategy"}
    assert {"labels", "settings", "epochs", "dev"} <= named <= CLASSIFIER
