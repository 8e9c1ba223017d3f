import pytest
import torch
import torch.nn.functional as F
import toy_pieces
import toys
from toy_pieces import ROWS, ToyPiece

from pet_mtl.objectives.terms import Facts
from pet_mtl.objectives.terms.shuffle import Shuffle, build
from pet_mtl.suite.losses import ShuffleSettings


def turned(text: str) -> set[str]:
    return {text[cut:] + text[:cut] for cut in range(1, len(text))} or {text}


def test_each_field_is_cut_in_two_and_exchanged() -> None:
    toy = ToyPiece({"shuffle": {"share": 0.999}})
    seen = set()
    for step in range(20):
        batch = toy.batch()
        made = toy.term.prepare(toy.prompts, batch, toy.draws(batch, step))
        assert made is not None
        for place, item in enumerate(made.items.tolist()):
            row = batch.items[item]
            form = toy.prompts.forms[toy.prompts.form[row]]
            text = ROWS[form.task].text(int(toy.prompts.row[row]))
            shown = toy.text(
                made.batch.input_ids[place][made.batch.attention_mask[place] > 0].tolist()
            )
            seen.add(shown)
            parts = [turned(value) for value in text.values()]
            if form.task == "pair":
                assert any(f"{a}" in shown and f"{b}" in shown for a in parts[0] for b in parts[1])
            else:
                assert any(value in shown for value in parts[0]), shown
        empty = [
            i for i, row in enumerate(batch.items) if row in (2, 6)
        ]  # no text, nothing to turn
        assert not set(empty) & set(made.items.tolist())
    assert len(seen) > 10


def test_changed_rows_are_1_and_the_others_0() -> None:
    """Each row is judged once: changed ones by a pass of their own."""
    toy = ToyPiece({"shuffle": {"weight": 0.3, "share": 0.5}})
    term = toy.term
    assert isinstance(term, Shuffle)
    batch = toy.batch()
    piece = toy.piece(batch, step=1)
    assert piece.altered is not None
    changed = piece.altered.items.tolist()
    assert 0 < len(changed) < len(batch.items)
    found = term.piece_losses(piece)
    states = piece.by_item([rows.state for rows in piece.rows])
    again = toy.step_model.hidden(piece.altered.batch)
    for item in range(len(batch.items)):
        state, wanted = states[item], 0.0
        if item in changed:
            form = toy.prompts.forms[toy.prompts.form[batch.items[item]]]
            masks = form.masks[0]
            state, wanted = again[changed.index(item), :masks].mean(0), 1.0
        loss = F.binary_cross_entropy_with_logits(term.layer(state)[0], torch.tensor(wanted))
        assert found[item].item() == pytest.approx(0.3 * loss.item(), rel=1e-4)


def test_a_changed_row_is_judged_by_all_its_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the others are: by the mean over those of its prompt with the fewest masks."""
    words = {"t": ["体育"], "c": ["科技新闻", "新闻"]}
    news = toys.make_task("{title}是{mask}的", words, name="news")
    monkeypatch.setattr(toy_pieces, "TASKS", {**toy_pieces.TASKS, "news": news})
    toy = ToyPiece({"shuffle": {"share": 0.999999}})
    batch = toy.batch()
    made = toy.term.prepare(toy.prompts, batch, toy.draws(batch))
    assert made is not None
    read = made.batch.input_ids.gather(1, made.batch.slots).flatten()[made.at[made.targets >= 0]]
    assert (read == toy.tokenizer.mask_id).all()
    counts = made.owner[made.targets >= 0].bincount()
    forms = [toy.prompts.forms[toy.prompts.form[batch.items[item]]] for item in made.items]
    assert counts[made.items].tolist() == [form.masks[0] for form in forms]
    assert {form.masks[0] for form in forms} == {1, 2}


def test_another_step_changes_other_rows() -> None:
    toy = ToyPiece({"shuffle": {}})
    batch = toy.batch()
    drawn = [toy.term.prepare(toy.prompts, batch, toy.draws(batch, step)) for step in (0, 0, 1, 2)]
    items = [made.items.tolist() for made in drawn if made is not None]
    assert items[0] == items[1]
    assert items[0] != items[2] or items[0] != items[3]


def test_weight_0_is_no_term() -> None:
    assert build(ShuffleSettings(weight=0), Facts(size=4)) is None
