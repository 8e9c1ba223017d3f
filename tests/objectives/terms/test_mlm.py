import pytest
import torch
from toy_pieces import ToyPiece

from pet_mtl.objectives.terms import Facts
from pet_mtl.objectives.terms.mlm import MaskedLm, build
from pet_mtl.suite.losses import MlmSettings


@pytest.mark.parametrize(
    ("settings", "weight", "share", "mean"),
    [
        ({"alpha": 0.3}, 0.3, 0.7, True),
        ({"balance": "positions"}, 1.0, 1.0, False),
        ({"balance": "alternating"}, 1.0, 1.0, True),
    ],
)
def test_cross_entropy_of_the_masked_pieces_row_by_row(
    settings: dict[str, object], weight: float, share: float, mean: bool
) -> None:
    toy = ToyPiece({"mlm": {**settings, "rate": 0.4}})
    term = toy.term
    batch = toy.batch()
    piece = toy.piece(batch)
    assert piece.altered is not None
    found = term.piece_losses(piece)
    assert term.label_share == pytest.approx(share)
    assert term.apart == (settings.get("balance") == "alternating")
    masked = piece.altered
    mlm = toy.model.backbone.mlm  # transformers' own forward
    logits = mlm(
        input_ids=masked.batch.input_ids, attention_mask=masked.batch.attention_mask
    ).logits.log_softmax(-1)
    sums = torch.zeros(len(batch.items), dtype=torch.float64)
    counts = torch.zeros(len(batch.items))
    flat = masked.batch.slots.flatten()
    wide = masked.batch.slots.shape[1]
    for at, target, owner in zip(masked.at, masked.targets, masked.owner, strict=True):
        if target >= 0:
            row = int(at) // wide
            sums[owner] -= logits[row, flat[at], target].item()
            counts[owner] += 1
    wanted = weight * (sums / counts.clamp(min=1) if mean else sums)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)
    assert counts.sum() > 8


def test_only_text_is_masked_and_mostly_by_masks() -> None:
    toy = ToyPiece({"mlm": {"rate": 0.5}})
    kinds = {"mask": 0, "same": 0, "other": 0}
    for step in range(60):
        batch = toy.batch()
        made = toy.term.prepare(toy.prompts, batch, toy.draws(batch, step))
        assert made is not None
        ids = made.batch.input_ids.gather(1, made.batch.slots).flatten()[made.at]
        for shown, target in zip(ids.tolist(), made.targets.tolist(), strict=True):
            if target >= 0:
                kind = (
                    "mask"
                    if shown == toy.tokenizer.mask_id
                    else "same"
                    if shown == target
                    else "other"
                )
                kinds[kind] += 1
                assert target not in toy.tokenizer.tokenizer.all_special_ids
    total = sum(kinds.values())
    assert kinds["mask"] / total == pytest.approx(0.8, abs=0.05)
    assert kinds["other"] / total == pytest.approx(0.1, abs=0.04)


def test_alpha_0_is_no_term_and_alpha_1_no_label_loss() -> None:
    assert build(MlmSettings(alpha=0), Facts()) is None
    term = build(MlmSettings(alpha=1), Facts())
    assert isinstance(term, MaskedLm)
    assert term.label_share == 0
