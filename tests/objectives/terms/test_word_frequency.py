from collections import Counter

import pytest
from toy_pieces import ROWS, ToyPiece

from pet_mtl.objectives.terms import Facts
from pet_mtl.objectives.terms.word_frequency import WordFrequency, build
from pet_mtl.suite.losses import WordFrequencySettings


def test_the_divergence_row_by_row() -> None:
    """weight · Σ_v p_v log(p_v / q_v), p counted from the row's text alone."""
    toy = ToyPiece({"word_frequency": {"weight": 0.7}})
    term = toy.term
    assert isinstance(term, WordFrequency)
    batch = toy.batch()
    piece = toy.piece(batch)
    found = term.piece_losses(piece)
    states = piece.by_item([rows.state for rows in piece.rows])
    head = toy.model.backbone.head
    q = head.logits(head.states(term.layer(states))).softmax(1).double()
    for place, item in enumerate(batch.items):
        form = toy.prompts.forms[toy.prompts.form[item]]
        text = ROWS[form.task].text(int(toy.prompts.row[item]))
        pieces = [i for ids in toy.tokenizer.encode(list(text.values())) for i in ids]
        wanted = 0.0
        for piece_id, count in Counter(pieces).items():
            p = count / len(pieces)
            wanted += p * (p * 1.0 / q[place, piece_id]).log().item()
        assert found[place].item() == pytest.approx(0.7 * wanted, rel=1e-4, abs=1e-6)
    assert (found >= -1e-6).all()


def test_a_text_of_no_pieces_costs_nothing() -> None:
    toy = ToyPiece({"word_frequency": {}})
    batch = toy.batch([2])  # an empty title
    losses = toy.term.piece_losses(toy.piece(batch))
    assert losses.tolist() == [0]


def test_model_and_layer_learn_from_it() -> None:
    toy = ToyPiece({"word_frequency": {}})
    toy.term.piece_losses(toy.piece(toy.batch())).sum().backward()
    parameters = [
        *toy.step_model.terms.parameters(),
        toy.model.backbone.mlm.bert.embeddings.word_embeddings.weight,
    ]
    assert len(parameters) == 3
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)


def test_weight_0_is_no_term() -> None:
    assert build(WordFrequencySettings(weight=0), Facts(size=4)) is None
