import pytest
from pydantic import ValidationError

from pet_mtl.suite.verbalizer_kind import VerbalizerKind


@pytest.mark.parametrize(
    "name", ["manual", "weighted", "knowledgeable", "soft", "prototypical", "automatic"]
)
def test_a_name_alone_stands_for_the_defaults_and_json_brings_it_back(name: str) -> None:
    kind = VerbalizerKind.model_validate(name)
    assert kind == VerbalizerKind.model_validate({"name": name})
    assert VerbalizerKind.model_validate_json(kind.model_dump_json()) == kind
    assert kind.one_prompt == (name in ("soft", "prototypical"))


@pytest.mark.parametrize(
    "value",
    [
        "automatically",
        {"name": "soft", "size": 8},
        {"name": "soft", "words": 2},
        {"name": "manual", "method": "petal"},
        {"name": "automatic", "method": "best"},
        {"name": "automatic", "words": 0},
        {"name": "knowledgeable", "keep": 1.5},
        {"size": 0},
        None,
        1,
    ],
)
def test_wrong_values(value: object) -> None:
    with pytest.raises(ValidationError):
        VerbalizerKind.model_validate(value)
