"""Methods say what they can do; nothing outside asks for their names."""

import re
from pathlib import Path

import pet_mtl
from pet_mtl.model.methods import capabilities
from pet_mtl.suite.method import METHODS

PACKAGE = Path(pet_mtl.__file__).parent


def test_every_method_says_what_it_can_do() -> None:
    can = {name: capabilities(method(name=name)) for name, method in METHODS.items()}
    assert [name for name, of_method in can.items() if of_method.zero_shot] == ["pet"]
    assert [name for name, of_method in can.items() if not of_method.reads_words] == ["heads"]
    assert [name for name, of_method in can.items() if not of_method.has_patterns] == ["heads"]
    assert [name for name, of_method in can.items() if of_method.words_alone] == ["pet"]


def test_nothing_asks_for_the_name_of_a_method() -> None:
    asks = re.compile(r"method\.name\s*(==|!=|in\b)")
    found = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "methods" and asks.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
