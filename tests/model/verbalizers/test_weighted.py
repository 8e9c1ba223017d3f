import pytest
import torch
from kinds import build, label_words, logits_at_slots, reader_of, scores

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.verbalizers.weighted import Weighted


@pytest.mark.parametrize("bf16", [False, True])
@torch.no_grad()
def test_at_the_start_it_is_manual_to_the_last_bit(word_pieces: PieceTokenizer, bf16: bool) -> None:
    for slots in ("exact", "shared"):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            manual = scores(*build(word_pieces, "manual", slots=slots), word_pieces)
            found = scores(*build(word_pieces, "weighted", slots=slots), word_pieces)
        assert torch.equal(found, manual)


@torch.no_grad()
def test_scores_equal_the_loops(word_pieces: PieceTokenizer) -> None:
    model, prompts = build(word_pieces, "weighted")
    reader = reader_of(model)
    assert isinstance(reader, Weighted)
    reader.weights.copy_(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) * 3)
    found = scores(model, prompts, word_pieces)
    for item in range(len(prompts)):
        words = label_words(word_pieces, "weighted")[prompts.form[item]]
        of_label: list[list[float]] = [[] for _ in range(words.num_labels)]
        for pieces, label in zip(words.pieces, words.labels, strict=True):
            log_probs = logits_at_slots(model, prompts, item, len(pieces), word_pieces.mask_id)[
                1
            ].log_softmax(-1)
            of_label[label].append(
                sum(log_probs[j, piece].item() for j, piece in enumerate(pieces)) / len(pieces)
            )
        for label, values in enumerate(of_label):
            weights = reader.weights[label, : len(values)].softmax(-1)
            torch.testing.assert_close(
                found[item, label], weights @ torch.tensor(values), rtol=1e-4, atol=1e-4
            )


def test_a_label_of_one_word_has_nothing_to_learn_and_absent_words_get_no_gradient(
    word_pieces: PieceTokenizer,
) -> None:
    model, prompts = build(word_pieces, "weighted")
    reader = reader_of(model)
    assert isinstance(reader, Weighted)
    scores(model, prompts, word_pieces).log_softmax(-1)[:, 0].sum().backward()
    assert reader.weights.grad is not None
    moved = reader.weights.grad.abs() > 1e-7
    assert moved.tolist() == [[True] * 3, [False] * 3, [True, True, False]]
