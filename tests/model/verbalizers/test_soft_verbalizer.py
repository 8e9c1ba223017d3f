import pytest
import torch
from kinds import build, logits_at_slots, reader_of, scores

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.model.verbalizers.soft import Soft


@torch.no_grad()
def test_at_the_start_it_is_manual_with_shared_slots(word_pieces: PieceTokenizer) -> None:
    manual = scores(*build(word_pieces, "manual", slots="shared"), word_pieces)
    soft = scores(*build(word_pieces, "soft"), word_pieces)
    torch.testing.assert_close(soft.log_softmax(-1), manual.log_softmax(-1), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_scores_equal_the_loops(word_pieces: PieceTokenizer) -> None:
    model, prompts = build(word_pieces, "soft")
    reader = reader_of(model)
    assert isinstance(reader, Soft)
    reader.rows.normal_(generator=torch.Generator().manual_seed(1))
    reader.bias.normal_(generator=torch.Generator().manual_seed(2))
    masks = reader.rows.shape[1]
    assert masks == 4  # of 体育新闻
    found = scores(model, prompts, word_pieces)
    for item in range(len(prompts)):
        states = logits_at_slots(model, prompts, item, masks, word_pieces.mask_id)[0]
        for label in range(3):
            wanted = (
                sum(states[j] @ reader.rows[label, j] for j in range(masks)) / masks
                + reader.bias[label]
            )
            torch.testing.assert_close(found[item, label], wanted, rtol=1e-4, atol=1e-4)


def test_the_decoder_itself_gets_no_gradient_from_it(word_pieces: PieceTokenizer) -> None:
    model, prompts = build(word_pieces, "soft")
    scores(model, prompts, word_pieces).log_softmax(-1)[:, 0].sum().backward()
    reader = reader_of(model)
    assert isinstance(reader, Soft)
    assert reader.rows.grad is not None
    assert reader.rows.grad.abs().sum() > 0
    bias = model.backbone.mlm.cls.predictions.bias.grad
    assert bias is None or not bias.any()


def test_a_family_without_known_decoder_is_refused(word_pieces: PieceTokenizer) -> None:
    with pytest.raises(PetMtlError, match="no decoder with a row for each piece"):
        build(word_pieces, "soft", family="mpnet")
