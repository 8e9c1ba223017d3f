"""The import graph of the packages, or of the files of one: `python tests/import_graph.py [PACKAGE
[PACKAGE]]`.

Without arguments it prints which package imports which, and the circles among them; with one
package the same for its files; with two the imports that make the edge between them. Imports inside
functions and for type checkers count; that every module runs the `__init__` files above it does
not.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent / "pet_mtl"
Edges = dict[str, set[str]]


@cache
def module_imports(root: Path = ROOT) -> Edges:
    """Return what each module of a package imports from the package, by full names."""
    files = {_module(path, root): path for path in sorted(root.rglob("*.py"))}
    return {
        name: {
            known for found in _imported(path) if (known := _known(found, files)) and known != name
        }
        for name, path in files.items()
    }


def grouped(imports: Edges, group: Callable[[str], str]) -> Edges:
    """Return the graph over groups of modules; a group's edge to itself is left out."""
    edges: Edges = {group(name): set() for name in imports}
    for name, others in imports.items():
        edges[group(name)] |= {group(other) for other in others} - {group(name)}
    return edges


def package_of(module: str) -> str:
    """Return the part below the root: `pet_mtl.cloze.form` lies in `cloze`, `pet_mtl.text` is
    `text`.

    >>> package_of("pet_mtl.cloze.form"), package_of("pet_mtl")
    ('cloze', 'pet_mtl')
    """
    return module.split(".")[1] if "." in module else module


def package_graph() -> Edges:
    return grouped(module_imports(), package_of)


def file_graph(package: str) -> Edges:
    """Return which files of a package import which, by full names."""
    imports = module_imports()
    inside = {name for name in imports if package_of(name) == package}
    return {name: imports[name] & inside for name in inside}


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected parts of more than one node (Tarjan 1972), sorted.

    >>> circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})
    [['b', 'c']]
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(part := stack[at:]) > 1:
                found.append(sorted(part))
            del stack[at:]

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return sorted(found)


def _module(path: Path, root: Path) -> str:
    parts = (root.name, *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    """Yield `module` for `import module`, `module.name` for `from module import name`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _known(name: str, modules: Mapping[str, Path]) -> str | None:
    """Return the module that an import names; the last part may be a name inside it."""
    if name in modules:
        return name
    outer = name.rpartition(".")[0]
    return outer if outer in modules else None


def main(arguments: list[str]) -> None:
    if len(arguments) == 2:
        source, target = arguments
        for name, others in sorted(module_imports().items()):
            for other in sorted(others):
                if (package_of(name), package_of(other)) == (source, target):
                    print(f"{name} -> {other}")
        return
    edges = file_graph(arguments[0]) if arguments else package_graph()
    for name, others in sorted(edges.items()):
        print(f"{name} -> {' '.join(sorted(others))}".rstrip(" ->"))
    print("circles:", "; ".join(" ".join(part) for part in circles(edges)) or "none")


if __name__ == "__main__":
    main(sys.argv[1:])
