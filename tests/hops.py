"""Count the files of the package that one row passes from its file to its score, and that one label
word passes from the pattern file to its table: `python tests/hops.py [-v]`.

A row passes the files whose functions are called from opening its file until its probabilities are
there, the model being loaded. A label word passes those whose functions are handed the word itself
(alone or in plain lists, tuples and dicts), its verbalizer, or the table of its pieces.
"""

import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import toy_runs
import toys

import pet_mtl
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.data.readers import read_rows
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.verbalizer import Verbalizer

PACKAGE = Path(pet_mtl.__file__).parent
WORD = "红"


def files_called(run: Callable[[], Any], counts: Callable[[FrameType], bool]) -> list[str]:
    """Return the package's files in the order in which a call that `counts` first enters them."""
    found: dict[str, None] = {}

    def see(frame: FrameType, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and PACKAGE in file.parents and counts(frame):
            found.setdefault(file.relative_to(PACKAGE).as_posix())

    threading.setprofile(see)
    sys.setprofile(see)
    try:
        run()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return list(found)


def holds(value: Any, depth: int = 3) -> bool:
    """Say whether a value is the label word, or holds it."""
    if isinstance(value, Verbalizer):
        return holds(value.words)
    if isinstance(value, LabelWords):
        return True
    if isinstance(value, str):
        return value.strip() == WORD
    if depth and isinstance(value, dict):
        return any(holds(each, depth - 1) for each in [*value, *value.values()])
    return (
        bool(depth)
        and isinstance(value, list | tuple)
        and any(holds(each, depth - 1) for each in value)
    )


def is_handed_the_word(frame: FrameType) -> bool:
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(holds(frame.f_locals.get(name)) for name in names)


def hops(folder: Path) -> tuple[list[str], list[str]]:
    """Return the files that a row passes, and those that a label word passes."""
    model = folder / "model"
    toys.write_bert(model, toy_runs.CHARACTERS)
    toy_runs.write_suite(folder, model)
    (folder / "one.tsv").write_text("山水甲\tr\n", encoding="utf-8")
    loaded: list[LoadedModel] = []

    def load() -> None:
        suite = load_suite(folder / "toy.yaml")
        loaded.append(LoadedModel(str(model), suite))
        _ = loaded[0].model

    def score() -> None:
        suite = loaded[0].suite
        rows, _ = read_rows("one.tsv", suite.tasks["colour"], base=folder)
        loaded[0].log_probs({"colour": rows})

    of_word = files_called(load, is_handed_the_word)
    score()  # what is built at the first row is not the row's way
    return files_called(score, lambda _: True), of_word


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for what, files in zip(("a row", "a label word"), hops(Path(temporary)), strict=True):
            print(f"{what} passes {len(files)} files")
            if "-v" in sys.argv:
                print("".join(f"  {file}\n" for file in files), end="")
