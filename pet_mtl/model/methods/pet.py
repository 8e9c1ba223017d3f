"""`--method pet`: tasks share everything and differ in how their rows are written."""

from typing import Any

from pet_mtl.cloze.form import Compiled, CompileTask, compile_forms
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.causal import is_causal_class, refuse_causal
from pet_mtl.model.causal_reader import CausalReader
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.methods.capabilities import Capabilities
from pet_mtl.model.own_parts import build_own_parts
from pet_mtl.suite.method import PetMethod
from pet_mtl.suite.suite import Suite

CAPABILITIES = Capabilities(reads_words=True, has_patterns=True, zero_shot=True, words_alone=True)
_FASTER = 10  # learned pieces and verbalizers move far


def compiler(method: PetMethod) -> CompileTask:
    return compile_forms


def build(mlm: Any, compiled: Compiled, suite: Suite, attention: str) -> ClozeModel:
    """Put the label words of a suite on a masked language model."""
    aggregations = [suite.tasks[form.task].aggregation for form in compiled.forms]
    backbone, reader = Backbone(mlm, attention), None
    if is_causal_class(type(mlm).__name__):
        for task in suite.tasks.values():
            if task.verbalizer_kind.one_prompt:
                refuse_causal(
                    mlm,
                    f"task `{task.name}`: `verbalizer_kind: {task.verbalizer_kind.name}`",
                    "choose `manual` or `weighted`",
                )
        reader = CausalReader(mlm.config, compiled.words)
    parts = build_own_parts(backbone, compiled, list(suite.tasks.values()))
    model = ClozeModel(backbone, compiled.words, aggregations, parts, reader)
    if parts is not None:
        assert isinstance(suite.method, PetMethod)
        model.own_rate = suite.method.learning_rate or min(1.0, _FASTER * suite.train.learning_rate)
    return model
