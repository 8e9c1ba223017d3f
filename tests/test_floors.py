"""The rules that keep the package in order: no circles, floors, light imports, short files, no code
read from data."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_graph import circles, file_graph, package_graph

import pet_mtl

PACKAGE = Path(pet_mtl.__file__).parent
FLOORS = {
    0: {
        "errors",
        "text",
        "paths",
        "hub_names",
        "resources",
        "atomic",
        "leftovers",
        "console",
        "progress_line",
        "random_streams",
        "stop_signals",
        "suite",
    },
    1: {"data", "cloze"},
    2: {"model", "objectives", "metrics", "kinds"},
    3: {"storage", "stepping"},
    4: {
        "training",
        "pretraining",
        "scoring",
        "report",
        "audit",
        "proposal",
        "words",
        "sweep",
        "export",
        "bulk",
        "hub",
        "comparison",
        "compat",
        "distillation",
        "serving",
        "studio",
        "pairs",
        "variants",
    },
    5: {"api", "cli", "__init__", "__main__"},
}
TOP = max(FLOORS)
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}
HEAVY = {
    "torch",
    "transformers",
    "numpy",
    "datasets",
    "sklearn",
    "pyarrow",
    "accelerate",
    "safetensors",
    "jieba",
}
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 360
MOST_WIDE_TUPLES = 0  # of four names or more


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Yield the full names of all imported modules; `from pet_mtl import x` gives `pet_mtl.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module
            if node.module == "pet_mtl":
                yield from (f"pet_mtl.{alias.name}" for alias in node.names)
            else:
                yield node.module


def at_import_time(tree: ast.AST) -> ast.Module:
    """Return the statements that run when a module is imported: not those of functions or of
    `TYPE_CHECKING`."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                found.append(child)
            waiting.append(child)
    return ast.Module(found, [])


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_no_circles_among_packages() -> None:
    """Imports inside functions and for type checkers count; `python tests/import_graph.py` shows
    the graph."""
    assert circles(package_graph()) == []


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
)
def test_no_circles_among_the_files_of_a_package(package: str) -> None:
    assert circles(file_graph(package)) == []


def test_maths_know_nothing_of_files(trees: dict[str, ast.Module]) -> None:
    """Nor of a whole suite, but for the builders of the methods."""
    files = {
        "pathlib",
        "json",
        "safetensors",
        "pet_mtl.resources",
        "pet_mtl.atomic",
        "pet_mtl.leftovers",
        "pet_mtl.suite.suite",
    }
    wrong = [
        f"{name} imports {imported}"
        for name, tree in trees.items()
        if FLOOR_OF.get(name.split(".")[0]) == 2
        for imported in imports(tree, name)
        if imported in files
        and (imported != "pet_mtl.suite.suite" or not name.startswith("model.methods."))
    ]
    assert wrong == []


def test_every_module_has_a_floor(trees: dict[str, ast.Module]) -> None:
    assert {name.split(".")[0] for name in trees} - {"__main__", "bundled"} <= FLOOR_OF.keys()


def test_modules_import_from_their_floor_or_below(trees: dict[str, ast.Module]) -> None:
    wrong = [
        f"{name} (floor {FLOOR_OF[name.split('.')[0]]}) imports {imported}"
        for name, tree in trees.items()
        for imported in imports(tree, name)
        if imported.startswith("pet_mtl.")
        and FLOOR_OF[imported.split(".")[1]] > FLOOR_OF.get(name.split(".")[0], TOP)
    ]
    assert wrong == []


def test_floor_0_imports_nothing_heavy(trees: dict[str, ast.Module]) -> None:
    light = {
        name: tree
        for name, tree in trees.items()
        if FLOOR_OF.get(name.split(".")[0], TOP) == 0 or name == "__init__"
    }
    wrong = [
        f"{name} imports {imported}"
        for name, tree in light.items()
        for imported in imports(at_import_time(tree), name)
        if imported.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_floor_1_needs_torch_for_tensors_only(trees: dict[str, ast.Module]) -> None:
    """`collate` makes the tensors; everything else of floor 1 is numpy and Arrow."""
    wrong = [
        f"{name} imports {imported}"
        for name, tree in trees.items()
        if FLOOR_OF.get(name.split(".")[0]) == 1 and name != "cloze.collate"
        for imported in imports(at_import_time(tree), name)
        if imported.split(".")[0] in {"torch", "transformers", "datasets", "sklearn", "jieba"}
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "module", ["pet_mtl", "pet_mtl.suite.suite", "pet_mtl.cli.main", "pet_mtl.resources"]
)
def test_importing_the_light_parts_is_light(module: str) -> None:
    heavy = sorted({"torch", "transformers", "datasets", "sklearn"})
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["pet_mtl", "tests", "benchmarks"])
def test_files_are_short(name: str) -> None:
    folder = PACKAGE.parent / name
    lengths = {
        str(path.relative_to(folder)): len(path.read_text("utf-8").splitlines())
        for path in folder.rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_few_names_are_bound_at_once(trees: dict[str, ast.Module]) -> None:
    wide = [
        f"{name}:{target.lineno} {ast.unparse(target)}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.For | ast.comprehension)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Tuple | ast.List) and len(target.elts) >= 4
    ]
    assert len(wide) <= MOST_WIDE_TUPLES, wide


def test_nothing_runs_code_from_data(trees: dict[str, ast.Module]) -> None:
    """No `eval`, `exec`, `compile`, pickle or `torch.load`: a checkpoint is safetensors and
    JSON."""
    wrong = []
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                by_name = called in {"eval", "exec", "compile", "__import__"}
                if by_name or called.endswith(
                    ("torch.load", "yaml.load", "pickle.load", "pickle.loads")
                ):
                    wrong.append(f"{name}:{node.lineno} calls {called}")
                wrong += [
                    f"{name}:{node.lineno} sets {keyword.arg}"
                    for keyword in node.keywords
                    if keyword.arg in {"trust_remote_code", "allow_pickle"}
                    and ast.unparse(keyword.value) != "False"
                ]
        wrong += [
            f"{name} imports {imported}"
            for imported in imports(tree, name)
            if imported.split(".")[0]
            in {"pickle", "dill", "joblib", "marshal", "shelve", "yaml", "cloudpickle"}
        ]
    assert wrong == []


def test_no_star_imports_and_no_bare_except(trees: dict[str, ast.Module]) -> None:
    wrong = []
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                wrong.append(f"{name}:{node.lineno} imports *")
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{name}:{node.lineno} has a bare except")
    assert wrong == []
