"""Two small tasks in files."""

from pathlib import Path

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
  {limit}
  learning_rate: 0.01
  batch_tokens: {batch_tokens}
  max_length: 32
  precision: fp32
  dropout: 0.0
"""
TOPIC_ROWS = [
    ("n-{}", "一条新闻{}", "news"),
    ("s-{}", "体育天气{}", "sport"),
    ("t-{}", "科技文化{}", "tech art"),
]
PAIR_ROWS = [("这是好的{}", "真的", "0"), ("不是好的{}", "坏", "1")]


def write_suite(
    folder: Path,
    model: Path,
    *,
    limit: str = "max_steps: 3",
    batch_tokens: int = 400,
    train: int = 10,
    dev: int = 4,
) -> None:
    """Write a pattern file, `toy.yaml`, and all that it names; each label has `train` and `dev`
    rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("dev", dev)):
        topics = [[cell.format(i) for cell in row] for i in range(count) for row in TOPIC_ROWS]
        pairs = [[cell.format(i) for cell in row] for i in range(count) for row in PAIR_ROWS]
        for name, rows in (("topic", topics), ("pair", pairs)):
            # other texts in dev than in train, other ids too
            write_rows(
                folder / f"{name}.{part}.tsv",
                [[part[0] + row[0], part[0] + row[1], *row[2:]] for row in rows],
            )
    (folder / "topic.txt").write_text(
        ('news  闻\nsport  体 育\n"tech art"  科\n'), encoding="utf-8"
    )
    text = PATTERNS.format(model=model, limit=limit, batch_tokens=batch_tokens)
    (folder / "toy.yaml").write_text(text, encoding="utf-8")


def write_rows(file: Path, rows: list[list[str]]) -> Path:
    file.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return file
