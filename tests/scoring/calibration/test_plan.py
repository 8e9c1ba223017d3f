from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import toys

from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.model.calibration import Calibration, CalibrationMethod, calibration_from
from pet_mtl.scoring.calibration.plan import Plan, plan_calibrations
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, DataSpec, SplitSpec

STORED = Calibration(kind="prior", bias=(0.5, -0.5), rows=9)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """One task of twenty training rows, ten unlabelled ones, and dev and test files that must not
    be read."""
    task = toys.make_task("{text}{mask}", {"a": ["好"], "b": ["坏"]}, name="task")
    data = DataSpec(
        train=("train.tsv",), dev=("gone.tsv",), test=("gone.tsv",), unlabelled=("more.tsv",)
    )
    rows = "".join(f"train {number}\t{'ab'[number % 2]}\n" for number in range(20))
    (tmp_path / "train.tsv").write_text(rows, encoding="utf-8")
    (tmp_path / "more.tsv").write_text(
        "".join(f"more {number}\n" for number in range(10)), encoding="utf-8"
    )
    return Suite(
        name="toy",
        model="none",
        tasks={"task": task.model_copy(update={"data": data})},
        train=TrainSettings(),
        sampling=SamplingSettings(),
        source="toy.yaml",
        base=str(tmp_path),
    )


def with_data(suite: Suite, **data: object) -> Suite:
    task = suite.tasks["task"]
    changed = task.model_copy(update={"data": task.data.model_copy(update=data)})
    return suite.model_copy(update={"tasks": {"task": changed}})


def plan(
    suite: Suite,
    choice: CalibrationChoice,
    automatic: CalibrationMethod | None = None,
    **ready: Calibration,
) -> Plan:
    return plan_calibrations(
        suite, {"task": choice}, {"task": automatic} if automatic else {}, ready
    )


def texts(plan: Plan) -> list[str]:
    found: list[str] = plan.fits["task"][1].fields["text"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("choice", "automatic"), [("none", "prior"), ("none", None), ("auto", None)]
)
def test_none(suite: Suite, choice: CalibrationChoice, automatic: CalibrationMethod | None) -> None:
    assert plan(suite, choice, automatic, task=STORED) == Plan()


@pytest.mark.parametrize(("choice", "automatic"), [("prior", None), ("auto", "prior")])
def test_the_prior_is_fitted_on_unlabelled_rows_else_on_training_rows(
    suite: Suite,
    choice: CalibrationChoice,
    automatic: CalibrationMethod | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = plan(suite, choice, automatic)
    assert found.fits["task"][0] == "prior"
    assert texts(found) == [f"more {number}" for number in range(10)]
    assert "task: `prior` calibration, fitted on 10 rows" in capsys.readouterr().err
    assert texts(plan(with_data(suite, unlabelled=()), choice, automatic)) == [
        f"train {n}" for n in range(20)
    ]


def test_of_many_rows_the_runs_seed_draws_a_sample(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pet_mtl.scoring.calibration.prior.SAMPLE", 4)
    drawn = [
        texts(plan(suite.model_copy(update={"train": TrainSettings(seed=seed)}), "prior"))
        for seed in (1, 2, 1)
    ]
    assert drawn[0] == drawn[2] != drawn[1]
    assert [len(of_seed) for of_seed in drawn] == [4, 4, 4]


def test_rows_that_are_held_out_for_dev_are_not_used(suite: Suite) -> None:
    from pet_mtl.data.suite_data import load_task

    suite = with_data(suite, unlabelled=(), dev=SplitSpec(split=0.3), test=())
    data = load_task(suite.tasks["task"], suite.base, suite.train.seed)
    assert data.dev is not None
    assert len(data.dev) == 6
    assert texts(plan(suite, "prior")) == data.train.fields["text"].to_pylist()


@pytest.mark.parametrize(("choice", "rows"), [("contextual", ["", "N/A", "[MASK]"]), ("pmi", [""])])
def test_methods_that_need_no_rows_read_none(
    suite: Suite, choice: CalibrationChoice, rows: list[str]
) -> None:
    suite = with_data(suite, train=("gone.tsv",), unlabelled=())
    assert texts(plan(suite, choice)) == rows


def test_what_is_ready_is_kept_if_it_is_of_the_wanted_kind(suite: Suite) -> None:
    for choice, automatic in (("auto", "prior"), ("prior", None)):
        assert plan(suite, choice, automatic, task=STORED) == Plan(ready={"task": STORED})  # type: ignore[arg-type]
    assert plan(suite, "pmi", "prior", task=STORED).fits.keys() == {"task"}


def test_without_its_rows_auto_goes_without_and_says_so(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = with_data(suite, unlabelled=("away.tsv",))
    assert plan(suite, "auto", "prior") == Plan()
    assert (
        "warning: task: no calibration, the rows to fit it on cannot be read: "
        in capsys.readouterr().err
    )
    with pytest.raises(PetMtlError, match=r"away\.tsv"):
        plan(suite, "prior")


def test_carrying_out_scores_the_rows_of_each_task_once() -> None:
    log_probs = np.log(np.array([[0.9, 0.1], [0.5, 0.5]], dtype=np.float32))
    asked = []

    def score(rows: Mapping[str, Rows]) -> dict[str, np.ndarray]:
        asked.append(set(rows))
        return dict.fromkeys(rows, log_probs)

    rows = Rows.of({"text": ["a", "b"]})
    fitted = Plan({"old": STORED}, {"one": ("prior", rows), "two": ("pmi", rows)}).carry_out(score)
    assert asked == [{"one", "two"}]
    expected = {
        name: calibration_from(kind, log_probs) for name, kind in (("one", "prior"), ("two", "pmi"))
    }  # type: ignore[arg-type]
    assert fitted == {"old": STORED, **expected}
    assert Plan({"old": STORED}).carry_out(lambda rows: pytest.fail("nothing to score")) == {
        "old": STORED
    }
