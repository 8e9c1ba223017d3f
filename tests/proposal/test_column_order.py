"""What `init` proposes does not depend on the order of the columns, nor of the rows."""

from itertools import permutations
from pathlib import Path

import pytest

from pet_mtl.proposal.propose import Request, propose
from pet_mtl.suite.suite import load_suite

FIRST = ["下雨了大家带伞出门", "商店今天关门休息", "他买了三本新书看"]
SECOND = {
    "x": ["外面天气潮湿得很", "天气预报说要潮湿"],
    "y": ["市场行情一直上涨", "行情火热价格上涨"],
}
TAKEN = [(a, b, label) for a in FIRST for label, texts in SECOND.items() for b in texts]
IDS = [(str(number), f"13{number:05}") for number in range(len(TAKEN))]


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("premise", "hypothesis"), "{premise}？{mask}，{hypothesis}"),
        (("标题", "正文"), "{mask}。{标题} {正文}"),
    ],
)
def test_columns_are_known_by_name(tmp_path: Path, names: tuple[str, str], pattern: str) -> None:
    head = (*names, "label", "id", "phone")
    rows = [(*taken, *ids) for taken, ids in zip(TAKEN, IDS, strict=True)]
    found = []
    for number, order in enumerate([*permutations(range(5))][::17]):
        data, out = tmp_path / f"{number}.csv", tmp_path / str(number)
        lines = [head, *(reversed(rows) if number % 2 else rows)]
        table = [",".join(line[place] for place in order) for line in lines]
        data.write_text("\n".join(table) + "\n", encoding="utf-8")
        done = propose(Request(data, out, task="a"))
        task = load_suite(done.patterns).tasks["a"]
        assert task.patterns == (pattern,)
        found.append((done.words, dict(sorted(task.columns.items()))))
    assert len(found) > 5
    assert all(each == found[0] for each in found)
    assert found[0][1]["id"] == "id"


def test_texts_that_are_asked_for_are_read_in_that_order(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    lines = ["premise,hypothesis,label", *map(",".join, TAKEN)]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = propose(Request(data, tmp_path, task="a", texts=("hypothesis", "premise")))
    assert load_suite(done.patterns).tasks["a"].patterns == ("{hypothesis}？{mask}，{premise}",)
