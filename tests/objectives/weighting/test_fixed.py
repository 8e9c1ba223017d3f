from pet_mtl.objectives.weighting import TaskStep, build_weighting


def test_tasks_without_a_number_have_1_and_strangers_do_not_count() -> None:
    weighting = build_weighting({"a": 0.25, "of another run": 3.0}, {"a": 3, "b": 2}, {})
    weighting.update({"a": TaskStep(1.0, 4)})
    assert weighting.weights() == {"a": 0.25, "b": 1.0}
    assert weighting.wants == "nothing"


def test_without_weighting_all_have_1() -> None:
    assert build_weighting("none", {"a": 3, "b": 2}, {}).weights() == {"a": 1.0, "b": 1.0}
