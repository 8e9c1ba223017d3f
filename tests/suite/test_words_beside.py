"""Words and descriptions that a task has beside its label words: nothing in them is unseen."""

from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.text import printable

SETS = "kind: multi_label\n    threshold: 0.5"
TASK = """\
version: 1
model: zh-mini
tasks:
  toy:
    patterns: "{{mask}}。{{text}}"
    verbalizer: {{"100": 故事, "101": 文化}}
    columns: {{text: 0, label: 1}}
    data: {{train: t.tsv}}
    {more}
"""


def load(folder: Path, more: str) -> Suite:
    (folder / "toy.yaml").write_text(TASK.format(more=more), encoding="utf-8")
    return load_suite(folder / "toy.yaml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (f'{SETS}\n    no: "无\\u200b"', '11: the word "无\\u200b" of `no` holds'),
        (f'{SETS}\n    no: [无,\n      "\\uFEFF空"]', '12: the word "\\ufeff空" of `no` holds'),
        (f'{SETS}\n    no: " "', "11: the word of `no` is empty"),
        (
            'kind: entailment\n    yes: [对, "是\\u200b"]',
            '10: the word "是\\u200b" of `yes` holds the invisible character U+200B',
        ),
        (
            'kind: entailment\n    descriptions:\n      "100": 故事\n      "101": "文\\u2060化"',
            '12: the description "文\\u2060化" of "101" holds the invisible character U+2060',
        ),
    ],
)
def test_what_nobody_sees_is_told(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        load(tmp_path, more)
    (problem,) = caught.value.problems
    assert printable(str(problem)).startswith(f"{tmp_path}/toy.yaml:{message}")


def test_a_description_may_be_a_block_of_lines(tmp_path: Path) -> None:
    block = 'kind: entailment\n    descriptions:\n      "100": |\n        故事，\t\n        传说\n'
    suite = load(tmp_path, block + '      "101": "👩\u200d🚀"')
    assert suite.tasks["toy"].descriptions == {"100": "故事，\t\n传说\n", "101": "👩\u200d🚀"}
