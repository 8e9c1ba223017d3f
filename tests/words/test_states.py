import numpy as np
import pytest
import torch
import toys
from one_thread import two_threads  # noqa: F401

from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import RunError
from pet_mtl.model.hardware import Machine
from pet_mtl.words import states as words_states
from pet_mtl.words.states import Model, compute_states, prompt_keys

TEXTS = ["中国", "天气真好", "体", "good news", "文化" * 30, "", "中国"]
TASK = toys.make_task(["{mask}。{text}", "{text}是{mask}的"], {"0": ["好"], "1": ["不好", "坏"]})


@pytest.fixture(scope="module")
def prompts(word_pieces: PieceTokenizer) -> Prompts:
    return encode_suite({"toy": TASK}, {"toy": Rows.of({"text": TEXTS})}, word_pieces, 40)


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
@pytest.mark.parametrize("masks", [1, 3])
@torch.inference_mode()
def test_states_are_those_of_single_prompts(
    prompts: Prompts, word_pieces: PieceTokenizer, family: str, masks: int
) -> None:
    mlm = toys.build_mlm(family, word_pieces.vocab_size)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    items = np.array([3, 0, 9])
    seen: list[int] = []
    found = compute_states(model, prompts, items, masks, seen.append)
    assert sum(seen) == len(items)
    ids = torch.tensor([5, 9, 7])
    logits = found.piece_logits(model.backbone.head, ids)
    for place, item in enumerate(items):
        pieces = (
            prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].astype(np.int64).tolist()
        )
        at = int(prompts.slot_at[item])
        whole = torch.tensor([pieces[:at] + [word_pieces.mask_id] * masks + pieces[at:]])
        wanted = mlm(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[
            0, at : at + masks
        ]
        torch.testing.assert_close(logits[place], wanted[:, ids], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            found.log_normalizer[place], wanted.logsumexp(-1), rtol=1e-4, atol=1e-4
        )


@pytest.mark.usefixtures("two_threads")
def test_batches_side_by_side_have_the_same_states(
    prompts: Prompts, word_pieces: PieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words_states, "score_tokens", lambda machine: 1)  # a batch for each prompt
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    items = np.arange(len(prompts))[::-1]
    together = compute_states(model, prompts, items, 1)
    torch.set_num_threads(1)
    alone = compute_states(model, prompts, items, 1)
    assert torch.equal(together.states, alone.states)
    assert torch.equal(together.log_normalizer, alone.log_normalizer)


def test_a_model_that_overflows_is_refused(prompts: Prompts, word_pieces: PieceTokenizer) -> None:
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    with torch.no_grad():
        for layer in mlm.bert.encoder.layer:
            layer.output.dense.weight.mul_(1e38)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    with pytest.raises(RunError, match="the model computes no numbers for some rows"):
        compute_states(model, prompts, np.arange(4), 1)


def test_take(word_pieces: PieceTokenizer, prompts: Prompts) -> None:
    model = Model.of(
        toys.build_mlm("bert", word_pieces.vocab_size),
        word_pieces,
        Machine.choose("fp32", "eager", torch.device("cpu")),
    )
    found = compute_states(model, prompts, np.arange(4), 2)
    taken = found.take(np.array([2, 0, 2]))
    assert torch.equal(taken.states, found.states[[2, 0, 2]])
    assert torch.equal(taken.log_normalizer, found.log_normalizer[[2, 0, 2]])


def test_equal_prompts_have_equal_keys_and_others_have_not(prompts: Prompts) -> None:
    keys = prompt_keys(prompts, np.arange(len(prompts)))
    first, last = 0, TEXTS.index("中国", 1)
    assert keys[first] == keys[last]
    assert len(set(keys.tolist())) == len(prompts) - 2  # one pair in each pattern
    assert prompt_keys(prompts, np.array([last, 1])).tolist() == [keys[first], keys[1]]


def test_the_place_of_the_slot_is_part_of_the_key(word_pieces: PieceTokenizer) -> None:
    tasks = {
        name: toys.make_task(pattern, {"0": ["好"], "1": ["坏"]}, name)
        for name, pattern in (("front", "{mask}是{text}"), ("back", "是{mask}{text}"))
    }
    prompts = encode_suite(tasks, dict.fromkeys(tasks, Rows.of({"text": ["中"]})), word_pieces, 40)
    assert prompts.ids[: prompts.starts[1]].tolist() == prompts.ids[prompts.starts[1] :].tolist()
    one, other = prompt_keys(prompts, np.arange(2))
    assert one != other
