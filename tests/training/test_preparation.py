import pytest

from pet_mtl.suite.suite import Suite
from pet_mtl.training import preparation
from pet_mtl.training.given import Given


def test_steps_go_from_suite_to_suite_in_their_order(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(name: str) -> preparation.Step:
        return lambda suite, given: suite.model_copy(update={"name": suite.name + name})

    monkeypatch.setattr(preparation, "STEPS", (named("a"), named("b")))
    given = Given({}, None, None, None)  # type: ignore[arg-type]
    assert preparation.prepare(suite, given).name == f"{suite.name}ab"


def test_a_suite_that_asks_for_nothing_is_not_changed_and_costs_nothing(suite: Suite) -> None:
    given = Given({}, None, None, None)  # type: ignore[arg-type]  # nothing is looked at
    assert preparation.prepare(suite, given) == suite
