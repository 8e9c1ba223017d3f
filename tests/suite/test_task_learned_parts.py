import pytest
import toys

from pet_mtl.suite.task import TaskSpec

WORDS = {"x": ["好"], "y": ["坏"]}


def test_learned_parts_are_named_and_taken_out() -> None:
    task = toys.make_task(
        ["{soft:2}{a}{mask}", "{mask}{a}"],
        WORDS,
        verbalizer_kind="weighted",
        pattern_weights="learned",
    )
    assert task.learned_parts == (
        "{soft:…}",
        "verbalizer_kind: weighted",
        "pattern_weights: learned",
    )
    plain = task.without_learned_parts()
    assert plain.patterns == ("{a}{mask}", "{mask}{a}")
    assert plain.learned_parts == ()
    assert plain == toys.make_task(["{a}{mask}", "{mask}{a}"], WORDS)


def test_given_weights_are_no_learned_part() -> None:
    task = toys.make_task(["{a}{mask}", "{mask}{a}"], WORDS, pattern_weights=[3, 1])
    assert [task.weight_of(pattern) for pattern in (0, 1)] == [3.0, 1.0]
    assert task.without_learned_parts() == task
    assert TaskSpec.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize(
    ("kind", "slots"), [("manual", "exact"), ("weighted", "exact"), ("soft", "shared")]
)
def test_soft_and_prototypical_read_one_prompt_a_row(kind: str, slots: str) -> None:
    assert toys.make_task("{a}{mask}", WORDS, verbalizer_kind=kind).word_slots == slots
