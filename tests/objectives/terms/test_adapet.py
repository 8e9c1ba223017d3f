from itertools import permutations

import pytest
import torch
from toy_pieces import ToyPiece

from pet_mtl.objectives.terms import Facts, TaskScores
from pet_mtl.objectives.terms.adapet import Adapet, build, decoupled, log_not
from pet_mtl.suite.losses import AdapetSettings


def test_the_decoupled_loss_is_binary_for_each_label() -> None:
    q = torch.tensor([[0.5, 0.2, 0.1], [0.05, 0.9, 0.01]], dtype=torch.float64)
    rows = TaskScores(0, torch.tensor([0, 2]), q, log_words=q.log())
    wanted = [
        -(q[0, 0].log() + (1 - q[0, 1]).log() + (1 - q[0, 2]).log()),
        -(q[1, 2].log() + (1 - q[1, 0]).log() + (1 - q[1, 1]).log()),
    ]
    torch.testing.assert_close(decoupled(rows), torch.stack(wanted))


def test_rows_without_a_label_and_sure_words_are_numbers() -> None:
    log_q = torch.tensor([[0.0, -90.0], [-1.0, -2.0]], requires_grad=True)
    losses = decoupled(TaskScores(0, torch.tensor([1, -1]), log_q, log_words=log_q))
    losses.sum().backward()
    assert losses.isfinite().all()
    assert losses[1] == 0
    assert log_q.grad is not None
    assert log_q.grad.isfinite().all()
    torch.testing.assert_close(log_not(torch.tensor([0.75]).log()), torch.tensor([0.25]).log())


def test_label_probabilities_are_over_the_whole_vocabulary() -> None:
    """Against transformers' logits, the words of a label averaged as ever."""
    toy = ToyPiece({"adapet": {}})
    batch = toy.batch()
    piece = toy.piece(batch)
    logits = toy.model.backbone.mlm(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask
    ).logits.log_softmax(-1)
    for group, rows in zip(batch.groups, piece.rows, strict=True):
        words = toy.words[group.form]
        assert rows.log_words is not None
        for place in range(len(group.items)):
            for label in range(words.num_labels):
                scores = []
                for word, owner in zip(words.pieces, words.labels, strict=True):
                    if owner == label:
                        row = group.prompts[len(word)][place]
                        slots = batch.slots[row, : len(word)]
                        scores.append(logits[row, slots, list(word)].mean())
                wanted = torch.stack(scores).mean()
                torch.testing.assert_close(
                    rows.log_words[place, label], wanted, rtol=1e-4, atol=1e-4
                )
        assert (rows.log_words < 0).all()


def test_text_told_by_its_label_row_by_row() -> None:
    toy = ToyPiece({"adapet": {"decoupled": 0, "conditioned": 2.0, "rate": 0.4}})
    batch = toy.batch()
    piece = toy.piece(batch, step=4)
    masked = piece.altered
    assert masked is not None
    found = toy.term.piece_losses(piece)
    log_q = toy.model.backbone.mlm(
        input_ids=masked.batch.input_ids, attention_mask=masked.batch.attention_mask
    ).logits.log_softmax(-1)
    losses: dict[int, list[float]] = {}
    flat, wide = masked.batch.slots.flatten(), masked.batch.slots.shape[1]
    for at, target, owner in zip(masked.at, masked.targets, masked.owner, strict=True):
        if target >= 0:
            q = log_q[int(at) // wide, flat[at], target].double()
            loss = -q if masked.marks[owner] else -torch.log(1 - q.exp())
            losses.setdefault(int(owner), []).append(loss.item())
    for item in range(len(batch.items)):
        own = losses.get(item, [0.0])
        assert found[item].item() == pytest.approx(2 * sum(own) / len(own), rel=1e-3, abs=1e-4)
    assert masked.marks.any()
    assert not masked.marks[masked.items].all()


@pytest.mark.parametrize("own", [0.0, 0.5, 1.0])
def test_the_shown_label_is_written_into_the_pattern(own: float) -> None:
    toy = ToyPiece({"adapet": {"own": own}})
    right, total, others = 0, 0, set()
    for step in range(20):
        batch = toy.batch()
        made = toy.term.prepare(toy.prompts, batch, toy.draws(batch, step))
        assert made is not None
        assert toy.prompts.label[batch.items[made.items.numpy()]].min() >= 0
        for place, item in enumerate(made.items.tolist()):
            row = batch.items[item]
            words, label = toy.words[toy.prompts.form[row]], int(toy.prompts.label[row])
            mains = [words.pieces[words.labels.index(k)] for k in range(words.num_labels)]
            at = int(toy.prompts.slot_at[row])
            ids = made.batch.input_ids[place].tolist()
            shown = [k for k, word in enumerate(mains) if tuple(ids[at : at + len(word)]) == word]
            assert shown
            assert bool(made.marks[item]) == (label in shown)
            right += label in shown
            others.add((label, *shown) if toy.prompts.form[row] == 2 else ())
            total += 1
    assert right / total == pytest.approx(own, abs=0.1)
    if own < 1:  # any of the others
        assert {*permutations(range(3), 2)} <= others


def test_the_usual_label_loss_is_left_out_and_nothing_is_no_term() -> None:
    term = build(AdapetSettings(labels=0.25), Facts())
    assert isinstance(term, Adapet)
    assert term.label_share == 0.25
    assert build(AdapetSettings(decoupled=0, conditioned=0), Facts()) is None
