"""Files that only some trials of a sweep read are watched like the others."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep.space import read_space
from pet_mtl.sweep.study import TrialStore

Begin = Callable[[str], None]

SWEEP = """\
trials: 2
tasks.topic.data.train: [topic.train.tsv, more.tsv, [topic.train.tsv, more.tsv]]
"""


@pytest.fixture
def begin(suite_file: Path, tmp_path: Path) -> Begin:
    """Return a function that begins the sweep of a file, or goes on with it, in `out`."""
    file = tmp_path / "sweep.yaml"

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    def begin_(sweep: str) -> None:
        file.write_text(sweep, encoding="utf-8")
        TrialStore(tmp_path / "out", load, read_space(file, load), load_suite_data(load([])))

    return begin_


def test_they_are_noticed_when_they_change(suite_file: Path, tmp_path: Path, begin: Begin) -> None:
    more, noted_in = suite_file.parent / "more.tsv", tmp_path / "out" / "sweep.json"
    more.write_bytes((suite_file.parent / "topic.train.tsv").read_bytes())
    begin(SWEEP)
    begin(SWEEP)
    more.write_bytes(more.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(PetMtlError, match=r"another sweep .* `tasks.topic.data.train` changed"):
        begin(SWEEP)
    noted = json.loads(noted_in.read_text(encoding="utf-8"))
    del noted["choices"]  # a version before noted none
    noted_in.write_text(json.dumps(noted), encoding="utf-8")
    begin(SWEEP)
    more.unlink()
    with pytest.raises(PetMtlError, match=r"no such data file: `more.tsv`"):
        begin(SWEEP)


def test_label_words_and_backbones_are_watched_too(
    suite_file: Path, backbone: Path, tmp_path: Path, begin: Begin
) -> None:
    words = suite_file.parent / "words.txt"
    text = (suite_file.parent / "topic.txt").read_text(encoding="utf-8")
    words.write_text(text, encoding="utf-8")
    other = shutil.copytree(backbone, tmp_path / "other")
    searched = f"""\
tasks.topic.verbalizer: [topic.txt, words.txt]
tasks.topic.verbalizer_kind: [manual, weighted]
model: [{backbone}, {other}]
"""
    begin(searched)
    begin(searched)
    words.write_text(text.replace("体", "天"), encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"another sweep .* `tasks.topic.verbalizer` changed"):
        begin(searched)
    words.write_text(text, encoding="utf-8")
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(PetMtlError, match=r"backbone was replaced: .*other"):
        begin(searched)


def test_templates_other_folders_and_choices_of_several_keys_are_watched_too(
    suite_file: Path, tmp_path: Path, begin: Begin
) -> None:
    folder, other = suite_file.parent, tmp_path / "rows"
    template, more = folder / "one.txt", folder / "more.tsv"
    template.write_text("""{"mask"}。{"meta":"title"}\n""", encoding="utf-8")
    more.write_bytes((folder / "topic.train.tsv").read_bytes())
    shutil.copytree(folder, other)
    data = (
        "{choices: [{train: topic.train.tsv, dev: topic.dev.tsv}, "
        "{train: more.tsv, dev: topic.dev.tsv}]}"
    )
    for name, searched, changed in (
        ("tasks.topic.patterns", "[one.txt, '{mask}{title}']", template),
        ("tasks.topic.data", data, more),
        ("data_root", f"[{folder}, {other}]", other / "topic.train.tsv"),
    ):
        sweep = f"{name}: {searched}\n"
        begin(sweep)
        begin(sweep)
        changed.write_bytes(changed.read_bytes() * 2)
        with pytest.raises(PetMtlError, match=rf"another sweep .* `{name}` changed"):
            begin(sweep)
        shutil.rmtree(tmp_path / "out")


def test_a_sweep_whose_folders_have_moved_goes_on(
    suite_file: Path, backbone: Path, tmp_path: Path
) -> None:
    shutil.copytree(backbone, suite_file.parent / "backbone")

    def begin(folder: Path) -> None:
        def load(overrides: list[str]) -> Suite:
            return load_suite(folder / suite_file.name, overrides=overrides)

        file = folder / "sweep.yaml"
        places = f"data_root: {folder}\nmodel: {folder / 'backbone'}\n"
        file.write_text(f"train.epochs: [1, 2]\n{places}", encoding="utf-8")
        space = read_space(file, load)
        suite = load(space.overrides({}))
        TrialStore(folder / "out", load, space, load_suite_data(suite))

    begin(suite_file.parent)
    moved = suite_file.parent.rename(tmp_path / "moved")
    begin(moved)
    for changed in (moved / "topic.train.tsv", moved / "backbone" / "model.safetensors"):
        before = changed.read_bytes()
        changed.write_bytes(before * 2)
        with pytest.raises(PetMtlError, match="changed"):
            begin(moved)
        changed.write_bytes(before)
