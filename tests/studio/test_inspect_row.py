import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.hardware import Machine
from pet_mtl.studio.inspect_row import inspect_row
from pet_mtl.words.states import Model


def test_words_that_are_one_to_the_tokenizer_share(word_pieces: PieceTokenizer) -> None:
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    model = Model.of(mlm, word_pieces, Machine.choose("fp32", "eager", torch.device("cpu")))

    def shares(*words: str) -> dict[str, float]:
        task = toys.make_task("{text}。{mask}", {"x": words, "y": ["bad", "坏"]})
        found = inspect_row(model, task, {"text": "新闻"}, 32, lambda t, trial: trial.log_probs(t))
        probabilities = [label["probability"] for label in found["labels"]]
        assert sum(probabilities) == pytest.approx(1)
        return {each["word"]: each["share"] for of in found["labels"] for each in of["words"]}

    alone = shares("good")
    assert sum(alone.values()) == pytest.approx(1)
    both = shares("Good", "good")
    assert list(both) == ["Good", "good", "bad", "坏"]
    np.testing.assert_allclose([both["Good"], both["good"]], alone["good"], rtol=1e-6)
