"""What `init` measures of label words' lengths, against the tokens of the batches themselves."""

from pathlib import Path

import numpy as np
import pytest
import toys

from pet_mtl.cloze.batch import BatchPlan
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.proposal import slots as proposed_slots
from pet_mtl.proposal.propose import Request, propose
from pet_mtl.proposal.slots import propose_slots
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import Slots

ONE = {"x": ["好"], "y": ["坏"]}
TWO = {"x": ["好"], "y": ["科技"]}
MANY = {"x": ["好"], "y": ["科技"], "z": ["真天气"], "w": ["体育新闻"]}
ROWS = Rows.of({"a": ["good", "", "天气" * 30, "中国新闻"] * 3}, labels=[0, 1, 0, 1] * 3)


def tokens(words: dict[str, list[str]], slots: Slots, rows: Rows, tokenizer: PieceTokenizer) -> int:
    task = toys.make_task("这是{mask}：{a}", words, name="toy", slots=slots)
    prompts = encode_suite({"toy": task}, {"toy": rows}, tokenizer, 40)
    plan = BatchPlan(np.arange(len(prompts)), 40, int(prompts.variants.sum()))
    return collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id).tokens


@pytest.mark.parametrize(
    ("words", "lengths", "slots"),
    [(ONE, (1,), "exact"), (TWO, (1, 2), "exact"), (MANY, (1, 2, 3, 4), 2)],
)
def test_measured_and_chosen(
    word_pieces: PieceTokenizer,
    words: dict[str, list[str]],
    lengths: tuple[int, ...],
    slots: Slots,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proposed_slots, "LOOKED_AT", 7)
    task = toys.make_task("这是{mask}：{a}", words, name="toy", slots=2)  # chosen before, say
    proposed = propose_slots(task, ROWS, word_pieces, 40)
    first = ROWS.take(np.arange(7))
    wanted = tokens(words, "exact", first, word_pieces) / tokens(
        words, "shared", first, word_pieces
    )
    assert proposed.factor == wanted
    assert (proposed.lengths, proposed.slots) == (lengths, slots)


def test_init_chooses_and_says_so(tmp_path: Path, backbone: Path) -> None:
    names = ["好", "科技", "真天气", "体育新闻"]
    lines = [f"{names[n % 4]}\t天气真好，新闻{n}" for n in range(40)]
    (tmp_path / "t.tsv").write_text("标签\t内容\n" + "\n".join(lines), "utf-8")
    proposal = propose(Request(tmp_path / "t.tsv", tmp_path, model=str(backbone)))
    slots = proposal.to_json()["slots"]
    assert (slots["slots"], slots["lengths"]) == (2, [1, 2, 3, 4])
    assert 3.5 < slots["exact_factor"] < 4
    factor = f"{slots['exact_factor']:.1f} × the tokens"
    assert any(line.startswith("slots: 2 ") and factor in line for line in proposal.lines())
    assert factor in proposal.patterns.read_text("utf-8")
    assert load_suite(proposal.patterns).tasks["t"].slots == 2


def test_init_leaves_words_of_one_length_alone(tmp_path: Path, backbone: Path) -> None:
    lines = [f"{'好坏'[n % 2]}\t天气真好，新闻{n}" for n in range(40)]
    (tmp_path / "t.tsv").write_text("标签\t内容\n" + "\n".join(lines), "utf-8")
    proposal = propose(Request(tmp_path / "t.tsv", tmp_path, model=str(backbone)))
    assert proposal.to_json()["slots"] == {"slots": "exact", "lengths": [1], "exact_factor": 1.0}
    assert "slots" not in proposal.patterns.read_text("utf-8")
    assert not any("slots" in line for line in proposal.lines())
