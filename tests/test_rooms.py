"""The docstring of a room names its modules, and what it lists is there."""

import ast
import re
from pathlib import Path

import pytest

import pet_mtl

PACKAGE = Path(pet_mtl.__file__).parent
_HEAD = re.compile(r"^- ((?:`\w+/?`(?:, )?)+)", re.MULTILINE)  # before the description
_NAME = re.compile(r"`(\w+)/?`")


def _docstring(room: Path) -> str:
    return ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""


ROOMS = [init.parent for init in sorted(PACKAGE.rglob("__init__.py"))]
LISTS = [room for room in ROOMS if _HEAD.search(_docstring(room))]


@pytest.mark.parametrize("room", LISTS, ids=[room.name for room in LISTS])
def test_a_room_lists_its_modules(room: Path) -> None:
    text = _docstring(room)
    there = {file.stem for file in room.glob("[!_]*.py")}
    there |= {init.parent.name for init in room.glob("*/__init__.py")}
    assert {name for head in _HEAD.findall(text) for name in _NAME.findall(head)} <= there
    if room.name != "cli":  # the commands have the names of their files
        assert there <= set(_NAME.findall(text))
