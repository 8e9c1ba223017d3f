"""The words that are searched are those that the scoring rule reads."""

import numpy as np
import torch
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.model.calibration import calibration_from
from pet_mtl.model.hardware import Machine
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.suggest.search import search
from pet_mtl.words.trial import Trial

FITTING = 12


def test_words_that_are_one_to_the_tokenizer_count_once(word_pieces: PieceTokenizer) -> None:
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))
    words = {"x": ["Good", "good", "is"], "y": ["news"]}
    task = toys.make_task(["{text}。{mask}", "{mask}：{text}"], words)
    texts = [f"Dab dab BAD bad {letter * n}" for letter in "abcd" for n in range(1, 7)]
    rows = Rows.of({"text": texts}, labels=[n % 2 for n in range(len(texts))])
    cache = StateCache(None, "")
    found = search(model, task, rows, FITTING, max_length=60, calibrated=True, cache=cache)
    log_probs = Trial(model, {"toy": rows}, 60, cache).log_probs(task)
    expected = calibration_from("prior", log_probs[:FITTING]).apply(log_probs).argmax(-1)
    judge = found.judge
    np.testing.assert_array_equal(judge.predict(judge.all_scores(found.own)), expected)
    assert [[found.candidates[word] for word in of] for of in found.own] == [
        ["Good", "is"],
        ["news"],
    ]
    suggested = [found.candidates[word] for group in found.groups for word in group]
    assert len({word.lower() for word in suggested}) == len(suggested)
    assert "good" not in map(str.lower, suggested)
    assert {"Dab", "dab"} & {*suggested}
