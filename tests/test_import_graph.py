"""The graph that the rules of `test_floors.py` look at, on a small package with every kind of
import."""

from pathlib import Path

import pytest
from import_graph import circles, grouped, module_imports, package_of

FILES = {
    "__init__.py": "",
    "low/__init__.py": "",
    "low/words.py": "import json\n",
    "mid/__init__.py": "from shop.low.words import word\n",
    "mid/rows.py": "def f():\n    from shop.top import run\n",
    "top/__init__.py": "",
    "top/run.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.mid.rows\n"
    ),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "shop"


def test_imports_in_functions_and_for_type_checkers_count(shop: Path) -> None:
    imports = module_imports(shop)
    assert imports["shop.mid"] == {"shop.low.words"}
    assert imports["shop.mid.rows"] == {"shop.top.run"}
    assert imports["shop.top.run"] == {"shop.mid.rows"}
    assert imports["shop.low.words"] == set()


def test_a_circle_of_packages_is_found(shop: Path) -> None:
    edges = grouped(module_imports(shop), package_of)
    assert edges == {"shop": set(), "low": set(), "mid": {"low", "top"}, "top": {"mid"}}
    assert circles(edges) == [["mid", "top"]]


def test_circles_equal_the_pairs_that_reach_each_other() -> None:
    edges = {
        "a": {"b"},
        "b": {"c", "e"},
        "c": {"a"},
        "d": {"c", "f"},
        "e": {"g"},
        "f": {"d"},
        "g": set(),
    }

    def reaches(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = set(edges[start])
        while waiting:
            seen.add(node := waiting.pop())
            waiting |= edges[node] - seen
        return seen

    together = {
        tuple(sorted(b for b in edges if b in reaches(a) and a in reaches(b)))
        for a in edges
        if a in reaches(a)
    }
    assert [tuple(part) for part in circles(edges)] == sorted(together)
