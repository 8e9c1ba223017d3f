import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.log_probs import score_prompts
from pet_mtl.suite.task import Slots, TaskSpec
from pet_mtl.words.candidate_scores import score_candidates, word_priors
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model
from pet_mtl.words.suggest.judge import Judge

ROWS = Rows.of({"text": ["中国体育", "天气真好", "科技", "", "文化" * 5]})
CANDIDATES = ["好", "坏", "体育", "不好", "科技", "是不是"]


@pytest.fixture(scope="module")
def model() -> Model:
    tokenizer = toys.piece_tokenizer("wordpiece")
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    return Model.of(toys.build_mlm("bert", tokenizer.vocab_size), tokenizer, machine)


def make(slots: Slots, words: dict[str, list[str]]) -> TaskSpec:
    return toys.make_task(["{mask}。{text}", "{text}是{mask}的"], words, slots=slots)


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ("exact", {"a": ["好", "体育"], "b": ["坏"], "c": ["是不是"]}),
        ("shared", {"a": ["好"], "b": ["坏", "是不是"]}),
        # by the label words' lengths; those of the candidates would be read with 2 and 3 masks
        (2, {"a": ["好", "体育"], "b": ["坏"], "c": ["是不是"]}),
    ],
)
def test_label_words_score_as_the_cloze_model_scores_them(
    model: Model, slots: Slots, words: dict[str, list[str]]
) -> None:
    task = make(slots, words)
    prompts = encode_suite({"toy": task}, {"toy": ROWS}, model.tokenizer, 40)
    own = compile_forms(task, model.tokenizer, 40).words
    cloze = ClozeModel(Backbone(model.backbone.mlm), own, ["mean"] * 2)
    expected = score_prompts(cloze, prompts, model.machine, model.tokenizer)["toy"]
    scores = score_candidates(model, task, ROWS, CANDIDATES, 40, StateCache(None, "toy"))
    assert scores.shape == (2, len(CANDIDATES), len(ROWS))
    assert (scores < 0).all()
    judge = Judge(scores, np.zeros(len(ROWS), np.int64), len(ROWS), "mean", False)
    of_labels = judge.all_scores(
        tuple(tuple(map(CANDIDATES.index, of_label)) for of_label in words.values())
    )
    found = of_labels - np.logaddexp.reduce(of_labels, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_room_for_longer_words(model: Model) -> None:
    task = make("exact", {"a": ["好"], "b": ["坏"]}).model_copy(update={"prefix": "中国"})
    with pytest.raises(PetMtlError, match="leave no room for the text beside longer words"):
        score_candidates(model, task, ROWS, CANDIDATES, 8, StateCache(None, "toy"))


def test_priors_are_mean_probabilities_over_the_rows() -> None:
    scores = np.log(np.array([[[0.1, 0.4], [0.2, 0.2]], [[0.1, 0.9], [0.8, 0.2]]], np.float32))
    slow = [(0.1 + (0.4 * 0.9) ** 0.5) / 2, ((0.2 * 0.8) ** 0.5 + 0.2) / 2]
    np.testing.assert_allclose(word_priors(scores), slow, rtol=1e-6)
