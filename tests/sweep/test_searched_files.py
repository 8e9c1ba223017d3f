"""Files that only some trials of a sweep read are watched like the others."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.sweep.space import read_space
from pet_mtl.sweep.study import TrialStore

SWEEP = """\
trials: 2
tasks.topic.data.train: [topic.train.tsv, more.tsv, [topic.train.tsv, more.tsv]]
"""


def test_they_are_noticed_when_they_change(suite_file: Path, tmp_path: Path) -> None:
    more, file, out = suite_file.parent / "more.tsv", tmp_path / "sweep.yaml", tmp_path / "out"
    more.write_bytes((suite_file.parent / "topic.train.tsv").read_bytes())
    file.write_text(SWEEP, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    def begin() -> None:
        TrialStore(out, load, read_space(file, load), load_suite_data(load([])))

    begin()
    begin()
    more.write_bytes(more.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(PetMtlError, match=r"another sweep .* `tasks.topic.data.train` changed"):
        begin()
    noted = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    del noted["choices"]  # a version before noted none
    (out / "sweep.json").write_text(json.dumps(noted), encoding="utf-8")
    begin()
    more.unlink()
    with pytest.raises(PetMtlError, match=r"no such data file: `more.tsv`"):
        begin()


def test_label_words_and_backbones_are_watched_too(
    suite_file: Path, backbone: Path, tmp_path: Path
) -> None:
    words, file, out = suite_file.parent / "words.txt", tmp_path / "sweep.yaml", tmp_path / "out"
    text = (suite_file.parent / "topic.txt").read_text(encoding="utf-8")
    words.write_text(text, encoding="utf-8")
    other = shutil.copytree(backbone, tmp_path / "other")
    searched = f"""\
tasks.topic.verbalizer: [topic.txt, words.txt]
tasks.topic.verbalizer_kind: [manual, weighted]
model: [{backbone}, {other}]
"""
    file.write_text(searched, encoding="utf-8")

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    def begin() -> None:
        TrialStore(out, load, read_space(file, load), load_suite_data(load([])))

    begin()
    begin()
    words.write_text(text.replace("体", "天"), encoding="utf-8")
    with pytest.raises(PetMtlError, match=r"another sweep .* `tasks.topic.verbalizer` changed"):
        begin()
    words.write_text(text, encoding="utf-8")
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(PetMtlError, match=r"backbone was replaced: .*other"):
        begin()


def test_templates_other_folders_and_choices_of_several_keys_are_watched_too(
    suite_file: Path, tmp_path: Path
) -> None:
    file, folder = tmp_path / "sweep.yaml", suite_file.parent
    template, more, other = folder / "one.txt", folder / "more.tsv", tmp_path / "rows"
    template.write_text("""{"mask"}。{"meta":"title"}\n""", encoding="utf-8")
    more.write_bytes((folder / "topic.train.tsv").read_bytes())
    shutil.copytree(folder, other)

    def load(overrides: list[str]) -> Suite:
        return load_suite(suite_file, overrides=overrides)

    data = "{choices: [{train: topic.train.tsv, dev: topic.dev.tsv}, {train: more.tsv, dev: topic.dev.tsv}]}"
    for number, (name, searched, changed) in enumerate(
        [
            ("tasks.topic.patterns", "[one.txt, '{mask}{title}']", template),
            ("tasks.topic.data", data, more),
            ("data_root", f"[{folder}, {other}]", other / "topic.train.tsv"),
        ]
    ):
        file.write_text(f"{name}: {searched}\n", encoding="utf-8")
        for _ in range(2):
            space = read_space(file, load)
            TrialStore(tmp_path / str(number), load, space, load_suite_data(load([])))
        changed.write_bytes(changed.read_bytes() * 2)
        with pytest.raises(PetMtlError, match=rf"another sweep .* `{name}` changed"):
            TrialStore(tmp_path / str(number), load, space, load_suite_data(load([])))
