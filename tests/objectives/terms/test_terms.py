"""What all terms have in common."""

import numpy as np
import pytest
import torch
from toy_pieces import ToyPiece

from pet_mtl.errors import PetMtlError
from pet_mtl.objectives.terms import Facts, TaskScores, build_terms
from pet_mtl.objectives.terms.term import log_wrong
from pet_mtl.suite.losses import LossSettings


def test_every_setting_has_a_term_that_multiplies_or_adds() -> None:
    every = LossSettings.model_validate({name: {} for name in LossSettings.model_fields})
    facts = Facts([np.array([3, 1])] * 2, ["a", "b"], size=8)
    terms = build_terms(every, facts)
    assert list(terms) == list(LossSettings.model_fields)
    rows = TaskScores(0, torch.tensor([0, 1, -1]), torch.randn(3, 2), torch.randn(3, 2))
    for term in terms.values():
        assert sum(hasattr(term, how) for how in ("factors", "losses", "piece_losses")) == 1
        if hasattr(term, "piece_losses"):
            assert 0 <= term.label_share <= 1
            continue
        found = term.factors(rows) if hasattr(term, "factors") else term.losses(rows)
        assert found.shape == (3,)
        assert found.isfinite().all()
        assert (found >= 0).all()


def test_without_settings_there_are_none() -> None:
    assert build_terms(LossSettings(), Facts()) == {}


@pytest.mark.parametrize("count", [2, 5])
def test_log_of_the_other_labels_probability(count: int) -> None:
    scores, labels = torch.randn(8, count, dtype=torch.float64), torch.randint(count, (8,))
    wanted = torch.log(1 - scores.softmax(1)[torch.arange(8), labels])
    torch.testing.assert_close(log_wrong(scores, labels), wanted)
    assert log_wrong(torch.tensor([[60.0, 0.0]]), torch.tensor([0])) == pytest.approx(
        -60
    )  # 1 - p is 0 in fp32


@pytest.mark.parametrize("name", ["contrastive", "task_discriminator", "word_frequency", "shuffle"])
def test_what_reads_states_is_refused_where_a_model_shows_logits_alone(name: str) -> None:
    with pytest.raises(PetMtlError, match=f"`{name}` reads what a `ConvBertForMaskedLM`"):
        ToyPiece({name: {}}, family="convbert")


@pytest.mark.parametrize("name", ["adapet", "mlm"])
def test_what_reads_words_needs_no_states(name: str) -> None:
    toy = ToyPiece({name: {}}, family="convbert")
    losses = toy.term.piece_losses(toy.piece(toy.batch()))
    assert losses.isfinite().all()
    assert losses.max() > 0
