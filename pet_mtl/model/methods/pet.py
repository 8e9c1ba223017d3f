"""`--method pet`: tasks share everything and differ in how their rows are written."""

from collections.abc import Sequence
from typing import Any

from pet_mtl.cloze.encode import CompileTask, Form, compile_forms
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.spec.method import PetMethod
from pet_mtl.spec.suite import Suite


def compiler(method: PetMethod) -> CompileTask:
    return compile_forms


def build(mlm: Any, forms: Sequence[Form], suite: Suite, attention: str) -> ClozeModel:
    """Put the label words of a suite on a masked language model."""
    words = [form.words for form in forms]
    aggregations = [suite.tasks[form.task].aggregation for form in forms]
    return ClozeModel(Backbone(mlm, attention), words, aggregations)
