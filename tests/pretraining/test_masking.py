"""The strategies' distributions, and what they must never touch."""

from collections.abc import Callable

import numpy as np
import pytest

from pet_mtl.cloze.corrupt import corrupt, replacement_ids
from pet_mtl.cloze.draws import Draws
from pet_mtl.pretraining.masking.pattern_aware import pattern_aware
from pet_mtl.pretraining.masking.random_pieces import random_pieces
from pet_mtl.pretraining.masking.selective import selective
from pet_mtl.pretraining.masking.take import BoolArray, take_units
from pet_mtl.pretraining.masking.whole_word import whole_word
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, PieceRows, RowBatch

VOCABULARY, SPECIAL, SEPARATOR, UNKNOWN = 50, 5, 3, 1
STRATEGIES = [random_pieces, whole_word, selective, pattern_aware]


def make_rows(count: int, longest: int = 40, seed: int = 0) -> PieceRows:
    """Return rows of random pieces in words of 1 to 4, with separators and unknown pieces among
    them, and marks."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, longest, count)
    total = int(lengths.sum())
    pieces = draw.integers(SPECIAL, VOCABULARY, total)
    pieces[draw.random(total) < 0.05] = SEPARATOR
    pieces[draw.random(total) < 0.05] = UNKNOWN
    ends = np.cumsum(lengths)
    maskable = np.arange(VOCABULARY) >= SPECIAL
    words = (draw.random(total) < 0.5) | np.isin(np.arange(total), ends - lengths)
    return PieceRows(
        pieces=pieces,
        starts=ends - lengths,
        ends=ends,
        before=(2,),
        after=(SEPARATOR,),
        maskable=maskable,
        pad_id=0,
        words=words.astype(np.uint8),
        marks=draw.integers(0, 3, total).astype(np.uint8),
    )


def make_batch(count: int = 400, longest: int = 40) -> RowBatch:
    return make_rows(count, longest).batch(np.arange(count), longest + 2, count + 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epoch", range(3))
def test_never_special_unknown_or_padding(
    strategy: Callable[[RowBatch, Draws, float], BoolArray], epoch: int
) -> None:
    batch = make_batch()
    chosen = strategy(batch, Draws(1, epoch, batch.numbers), 0.5)
    assert chosen.any()
    assert (batch.ids[chosen] >= SPECIAL).all()
    assert not (chosen & ~batch.may).any()
    inside = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    assert not chosen[~inside].any()
    assert not chosen[:, 0].any()


@pytest.mark.parametrize("strategy", [random_pieces, whole_word])
@pytest.mark.parametrize("rate", [0.15, 0.2, 0.4])
def test_the_rate_is_met_on_average(
    strategy: Callable[[RowBatch, Draws, float], BoolArray], rate: float
) -> None:
    batch = make_batch(2000)
    shares = [
        strategy(batch, Draws(2, epoch, batch.numbers), rate).sum() / batch.may.sum()
        for epoch in range(5)
    ]
    assert np.mean(shares) == pytest.approx(rate, abs=0.003)


def test_short_rows_are_masked_as_often_as_long_ones() -> None:
    """Rounding to a whole number of pieces in each row must not favour a length."""
    for longest in (4, 40):
        batch = make_batch(4000, longest)
        for strategy in (random_pieces, whole_word):
            share = strategy(batch, Draws(3, 0, batch.numbers), 0.15).sum() / batch.may.sum()
            assert share == pytest.approx(0.15, abs=0.01), (longest, strategy)


def test_random_pieces_round_the_target_up_or_down() -> None:
    batch = make_batch()
    chosen = random_pieces(batch, Draws(1, 0, batch.numbers), 0.2).sum(1)
    target = 0.2 * batch.may.sum(1)
    assert (chosen >= np.floor(target)).all()
    assert (chosen <= np.ceil(target)).all()


def test_every_place_is_equally_likely() -> None:
    rows = PieceRows(
        pieces=np.full(20, 7),
        starts=np.array([0]),
        ends=np.array([20]),
        before=(2,),
        after=(3,),
        maskable=np.arange(VOCABULARY) >= SPECIAL,
        pad_id=0,
    )
    batch = rows.batch(np.array([0]), 24, 1)
    counts = np.zeros(24)
    for epoch in range(4000):
        counts += random_pieces(batch, Draws(9, epoch, batch.numbers), 0.15)[0]
    assert counts[0] == counts[21:].sum() == 0
    expected = 4000 * 0.15
    # without replacement the counts vary a little less than the chi-square bound (19 degrees, p =
    # 0.001) allows
    assert ((counts[1:21] - expected) ** 2 / expected).sum() < 43.8
    assert counts.sum() == 4000 * 3


def test_words_are_masked_whole() -> None:
    batch = make_batch()
    assert batch.words is not None
    chosen = whole_word(batch, Draws(1, 0, batch.numbers), 0.3)
    # inside a word (same word, both maskable) neighbours share their fate
    joined = ~batch.words[:, 1:] & batch.may[:, 1:] & batch.may[:, :-1]
    assert joined.sum() > 1000
    assert (chosen[:, 1:][joined] == chosen[:, :-1][joined]).all()
    alone = batch.words[:, 1:] & batch.may[:, 1:] & batch.may[:, :-1]
    assert (chosen[:, 1:][alone] != chosen[:, :-1][alone]).any()


def test_selective_masks_marked_pieces_up_to_the_rate() -> None:
    batch = make_batch()
    assert batch.marks is not None
    chosen = selective(batch, Draws(1, 0, batch.numbers), 0.15)
    assert (batch.marks[chosen] > 0).all()
    assert (chosen.sum(1) <= np.ceil(0.15 * batch.may.sum(1))).all()
    marked = (batch.may & (batch.marks > 0)).sum(1)
    everything = selective(batch, Draws(1, 0, batch.numbers), 0.99)
    assert (everything.sum(1) >= np.minimum(marked, np.floor(0.99 * batch.may.sum(1)))).all()


@pytest.mark.parametrize("rate", [0.0, 0.15])
def test_pattern_aware_masks_label_words_and_text_only(rate: float) -> None:
    batch = make_batch()
    assert batch.marks is not None
    chosen = pattern_aware(batch, Draws(1, 0, batch.numbers), rate)
    assert chosen[batch.may & (batch.marks == LABEL_WORD)].all()
    assert not chosen[batch.marks == 0].any()
    text = batch.may & (batch.marks == TEXT)
    assert chosen[text].mean() == pytest.approx(rate, abs=0.02)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_masks_are_drawn_anew_every_epoch_and_do_not_depend_on_the_batch(
    strategy: Callable[[RowBatch, Draws, float], BoolArray],
) -> None:
    rows = make_rows(200)
    batch = rows.batch(np.arange(200), 48, 200)
    one = strategy(batch, Draws(1, 0, batch.numbers), 0.3)
    assert (one == strategy(batch, Draws(1, 0, batch.numbers), 0.3)).all()
    assert (one != strategy(batch, Draws(1, 1, batch.numbers), 0.3)).any()
    assert (one != strategy(batch, Draws(2, 0, batch.numbers), 0.3)).any()
    picked = np.array([150, 3, 77])
    small = rows.batch(picked, 42, 3)
    assert (strategy(small, Draws(1, 0, small.numbers), 0.3) == one[picked, :42]).all()


def test_take_units_of_nothing() -> None:
    may = np.zeros((3, 8), bool)
    draws = Draws(1, 0, np.arange(3))
    assert not take_units(may, np.ones_like(may), draws, np.zeros(3)).any()
    assert not take_units(~may, np.ones_like(may), draws, np.zeros(3)).any()
    assert take_units(~may, np.ones_like(may), draws, np.full(3, 8.0)).all()


def test_eighty_ten_ten() -> None:
    batch = make_batch(4000)
    draws = Draws(4, 0, batch.numbers)
    chosen = random_pieces(batch, draws, 0.3)
    replacements = np.arange(10, VOCABULARY)
    out = corrupt(batch.ids, chosen, draws, mask_id=4, replacements=replacements)
    assert (out[~chosen] == batch.ids[~chosen]).all()
    before, after = batch.ids[chosen], out[chosen]
    total = len(before)
    masked = (after == 4).sum()
    other = after[(after != 4) & (after != before)]
    same = (
        len(replacements) ** -1 * 0.1 * np.isin(before, replacements).mean()
    )  # drawn by chance as itself
    for count, share in (
        (masked, 0.8),
        (len(other), 0.1 - same),
        (total - masked - len(other), 0.1 + same),
    ):
        assert abs(count - share * total) < 4 * np.sqrt(total * share * (1 - share)), share
    assert set(np.unique(other)) == set(replacements)
    counts = np.bincount(other, minlength=VOCABULARY)[10:]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 76  # 39 degrees, p = 0.0003


def test_the_corruption_is_independent_of_the_choice() -> None:
    """The draws that choose a piece must not decide what stands in its place."""
    batch = make_batch(4000)
    draws = Draws(4, 0, batch.numbers)
    for rate in (0.05, 0.5):
        chosen = random_pieces(batch, draws, rate)
        out = corrupt(batch.ids, chosen, draws, mask_id=4, replacements=np.array([9]))
        assert (out[chosen] == 4).mean() == pytest.approx(0.8, abs=0.02)


def test_label_words_always_become_masks() -> None:
    batch = make_batch()
    assert batch.marks is not None
    draws = Draws(4, 0, batch.numbers)
    chosen = pattern_aware(batch, draws, 0.3)
    word = batch.marks == LABEL_WORD
    out = corrupt(batch.ids, chosen, draws, mask_id=4, replacements=np.array([9]), always_mask=word)
    assert (out[chosen & word] == 4).all()
    assert (out[chosen & ~word] != 4).any()
    assert (out[~chosen] == batch.ids[~chosen]).all()


def test_replacements_are_real_pieces(toy_tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokenizer = toy_tokenizer.tokenizer
    ids = replacement_ids(tokenizer)
    pieces = set(tokenizer.convert_ids_to_tokens(ids.tolist()))
    assert not pieces & set(tokenizer.all_special_tokens)
    assert "[unused1]" not in pieces
    assert len(pieces) == len(tokenizer) - 6
