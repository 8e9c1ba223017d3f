import numpy as np
import torch

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer
from pet_mtl.suite.method import HeadsMethod
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training.given import Given
from pet_mtl.training.pattern_accuracy import weigh_patterns
from pet_mtl.training.preparation import prepare


def test_weights_are_the_accuracies_of_each_pattern_alone(suite: Suite) -> None:
    mood = suite.tasks["mood"].model_copy(update={"pattern_weights": "accuracy"})
    suite = suite.model_copy(update={"tasks": {**suite.tasks, "mood": mood}})
    data, rows = load_suite_data(suite), load_suite_data(suite)["mood"].train
    tokenizer, machine = (
        PieceTokenizer(load_tokenizer(suite.model)),
        Machine.choose("fp32", "eager", torch.device("cpu")),
    )
    weighed = weigh_patterns(suite, Given(data, load_masked_lm(suite.model), tokenizer, machine))
    wanted = []
    for pattern in mood.patterns:
        alone = mood.model_copy(update={"patterns": (pattern,), "pattern_weights": "equal"})
        model = LoadedModel(suite.model, suite.model_copy(update={"tasks": {"mood": alone}}))
        wanted.append(
            float((model.raw_log_probs({"mood": rows})["mood"].argmax(-1) == rows.labels).mean())
        )
    np.testing.assert_allclose(weighed.tasks["mood"].pattern_weights, wanted, atol=1e-6)
    assert weighed.tasks["colour"] == suite.tasks["colour"]
    assert (
        weigh_patterns(weighed, Given(data, None, tokenizer, machine)) is weighed
    )  # a resumed run measures nothing anew


def test_a_method_without_patterns_weighs_none(suite: Suite) -> None:
    mood = suite.tasks["mood"].model_copy(update={"pattern_weights": "accuracy"})
    words = VerbalizerKind(name="knowledgeable")
    colour = suite.tasks["colour"].model_copy(update={"verbalizer_kind": words})
    tasks = {"mood": mood, "colour": colour}
    suite = suite.model_copy(update={"tasks": tasks, "method": HeadsMethod(name="heads")})
    assert prepare(suite, Given({}, None, None, None)) is suite  # type: ignore[arg-type]
