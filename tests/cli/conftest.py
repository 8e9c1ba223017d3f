"""Two small tasks in files, a backbone of two layers, one trained run, and the command line called in this process."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATTERNS = """\
version: 1
model: {model}
tasks:
  topic:                                  # one field, ids, one word length
    description: topics
    prefix: "类："
    patterns: "{{mask}}。{{title}}"
    verbalizer: topic.txt
    columns: {{id: 0, title: 1, label: 2}}
    data: {{train: topic.train.tsv, dev: topic.dev.tsv}}
  pair:                                   # two fields, no ids, two word lengths
    patterns: "{{one}}？{{mask}}，{{two}}"
    verbalizer: {{"0": [好, 真好], "1": 坏}}
    columns: {{one: 0, two: 1, label: 2}}
    data: {{train: pair.train.tsv, dev: pair.dev.tsv}}
train:
  max_steps: 3
  learning_rate: 0.01
  batch_tokens: 400
  max_length: 32
  precision: fp32
  dropout: 0.0
"""
TOPIC_ROWS = [("n-{}", "一条新闻{}", "news"), ("s-{}", "体育天气{}", "sport"), ("t-{}", "科技文化{}", "tech art")]
PAIR_ROWS = [("这是好的{}", "真的", "0"), ("不是好的{}", "坏", "1")]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ran]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `pet-mtl ARGUMENTS…` in this process."""
    from pet_mtl.cli.main import main

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["pet-mtl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toys

    folder = tmp_path_factory.mktemp("cli") / "backbone"
    tokenizer = toys.word_piece_tokenizer()
    tokenizer.save_pretrained(folder)
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(folder)
    return folder


def write_suite(folder: Path, model: Path) -> None:
    """Write a pattern file, `toy.yaml`, and all that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 10), ("dev", 4)):
        topics = [[cell.format(i) for cell in row] for i in range(count) for row in TOPIC_ROWS]
        pairs = [[cell.format(i) for cell in row] for i in range(count) for row in PAIR_ROWS]
        for name, rows in (("topic", topics), ("pair", pairs)):
            # other texts in dev than in train, other ids too
            write_rows(folder / f"{name}.{part}.tsv", [[part[0] + row[0], part[0] + row[1], *row[2:]] for row in rows])
    (folder / "topic.txt").write_text('news  闻\nsport  体 育\n"tech art"  科\n', encoding="utf-8")
    (folder / "toy.yaml").write_text(PATTERNS.format(model=model), encoding="utf-8")


def write_rows(file: Path, rows: list[list[str]]) -> Path:
    file.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture
def suite(tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh pattern file in the working directory's folder `suite`."""
    write_suite(tmp_path / "suite", backbone)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "suite" / "toy.yaml"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """The output folder of a finished run; tests that change it copy it."""
    from pet_mtl.spec.suite import load_suite
    from pet_mtl.training.run import train

    folder = tmp_path_factory.mktemp("trained")
    write_suite(folder / "suite", backbone)
    train(load_suite(folder / "suite" / "toy.yaml"), folder / "run")
    return folder / "run"


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the checkpoint, which a test may damage, and a working directory without anything else."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained / "checkpoint", tmp_path / "model"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Toy matrices gain nothing from threads, and other tests may be running beside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return all files and folders below a folder, with what the files hold."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def refuse(call: Call, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must end in exit code 2 with clear words on stderr, and change no file."""

    def run(*arguments: str | Path) -> str:
        before = snapshot(tmp_path)
        ran = call(*arguments)
        assert (ran.code, ran.out) == (2, ""), ran
        assert snapshot(tmp_path) == before
        assert "Traceback" not in ran.err
        # what was read so far may stand before the error, never behind it
        words = ran.err[ran.err.index("error: ") :]
        for line in words.splitlines():
            assert line.startswith(("error: ", "  hint: ")), ran.err
            assert not line.endswith("."), line
        return words

    return run
