"""A toy suite of two tasks in files; the same as that of the command line's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

PATTERNS = """\
version: 1
model: {model}
tasks:
  topic:
    prefix: "类："
    patterns: "{{mask}}。{{title}}"
    verbalizer: {{news: 闻, sport: [体, 育], tech: 科}}
    columns: {{title: 0, label: 1}}
    data: {{train: topic.train.tsv, dev: topic.dev.tsv}}
  pair:
    patterns: "{{one}}？{{mask}}，{{two}}"
    verbalizer: {{"0": [好, 真好], "1": 坏}}
    columns: {{one: 0, two: 1, label: 2}}
    data: {{train: pair.train.tsv, dev: pair.dev.tsv}}
train: {{epochs: 1, learning_rate: 0.01, batch_tokens: 200, max_length: 32, precision: fp32, dropout: 0.0}}
"""


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toys

    folder = tmp_path_factory.mktemp("comparison") / "backbone"
    tokenizer = toys.word_piece_tokenizer()
    tokenizer.save_pretrained(folder)
    toys.build_mlm("bert", len(tokenizer)).save_pretrained(folder)
    return folder


@pytest.fixture
def suite_file(tmp_path: Path, backbone: Path) -> Path:
    folder = tmp_path / "suite"
    folder.mkdir()
    for part, count in (("train", 8), ("dev", 5)):
        topics = [("一条新闻{}", "news"), ("体育天气{}", "sport"), ("科技文化{}", "tech")]
        pairs = [("这是好的{}", "真的", "0"), ("不是好的{}", "坏", "1")]
        for name, rows in (("topic", topics), ("pair", pairs)):
            lines = ["\t".join([part[0] + row[0].format(k), *row[1:]]) + "\n" for k in range(count) for row in rows]
            (folder / f"{name}.{part}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "toy.yaml").write_text(PATTERNS.format(model=backbone), encoding="utf-8")
    return folder / "toy.yaml"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Toy matrices gain nothing from threads, and other tests may be running beside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
