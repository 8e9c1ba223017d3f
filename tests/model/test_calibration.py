import numpy as np
import pytest
from pydantic import ValidationError

from pet_mtl.model.calibration import Calibration, apply_calibrations, calibration_from


def draw(rows: int, labels: int, seed: int = 0) -> np.ndarray:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(labels) * 0.7, rows)
    return np.log(probabilities).astype(np.float32)


@pytest.mark.parametrize(("rows", "labels"), [(1, 2), (3, 5), (200, 15)])
def test_probabilities_are_divided_by_their_mean_on_the_fitting_rows(
    rows: int, labels: int
) -> None:
    seen, new = draw(rows, labels), draw(7, labels, seed=1)
    calibration = calibration_from("prior", seen)
    assert (calibration.kind, calibration.rows, len(calibration.bias)) == ("prior", rows, labels)
    expected = np.exp(new.astype(np.float64)) / np.exp(seen.astype(np.float64)).mean(0)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(np.exp(calibration.apply(new)), expected, rtol=1e-4)
    assert calibration.apply(new).dtype == np.float32


def test_the_row_it_is_fitted_on_becomes_uniform() -> None:
    seen = draw(1, 6)
    np.testing.assert_allclose(np.exp(calibration_from("pmi", seen).apply(seen)), 1 / 6, rtol=1e-5)


def test_labels_that_the_model_never_says_keep_a_finite_bias() -> None:
    seen = np.array([[0.0, -300.0], [0.0, -400.0]], dtype=np.float32)  # e^-300 is 0 in fp32
    assert np.isfinite(calibration_from("prior", seen).bias).all()


def test_only_tasks_with_a_calibration_change() -> None:
    log_probs = {"one": draw(4, 3), "two": draw(4, 3, seed=2)}
    calibrations = {"one": calibration_from("prior", log_probs["one"])}
    after = apply_calibrations(log_probs, calibrations)
    assert after["two"] is log_probs["two"]
    np.testing.assert_array_equal(after["one"], calibrations["one"].apply(log_probs["one"]))


def test_it_is_stored_as_json() -> None:
    calibration = calibration_from("contextual", draw(3, 4))
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "auto", "bias": [0.0, 1.0], "rows": 1},
        {"kind": "prior", "bias": [0.0, float("nan")], "rows": 1},
        {"kind": "prior", "bias": [1.0], "rows": 1},
        {"kind": "prior", "bias": [0.0, 1.0]},
        {"kind": "prior", "bias": [0.0, 1.0], "rows": 1, "more": 2},
    ],
)
def test_a_damaged_one_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Calibration.model_validate(wrong)
