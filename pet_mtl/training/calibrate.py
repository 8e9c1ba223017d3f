"""The calibration of a finished run: fitted on training or unlabelled rows, kept where the task
wants it.

A trained model knows the label words already, so `auto` keeps the prior only where it makes the
task's metric better on the dev rows.
"""

from collections.abc import Callable, Mapping

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import TaskData
from pet_mtl.metrics.score import figure_title
from pet_mtl.model.calibration import Calibration, CalibrationMethod
from pet_mtl.scoring.calibration.plan import Plan, fitting_rows
from pet_mtl.scoring.checkpoint_scores import score_calibrated
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec

_ROUNDING = 1e-9  # the same rows right and wrong may differ by so much


def calibrate(
    suite: Suite,
    data: Mapping[str, TaskData],
    score: Callable[[Mapping[str, Rows]], Mapping[str, FloatArray]],
    dev_rows: Mapping[str, Rows],
    dev_log_probs: Mapping[str, FloatArray],
) -> dict[str, Calibration]:
    """Return the calibrations of a run, and say what they change on the dev rows.

    Args:
        data: rows to fit on: the unlabelled rows of a task, or its training rows.
        score: from rows to label log-probabilities `[rows, K]` of the best checkpoint.
        dev_rows: what `auto` is decided on; a task that has none goes without.
        dev_log_probs: of these, without calibration.
    """
    plan = Plan()

    def pool(task: TaskSpec) -> Rows:
        return data[task.name].unlabelled or data[task.name].train

    for name, task in suite.tasks.items():
        if not task.kind_spec.facts.calibrates:
            continue
        if task.calibration == "none" or (task.calibration == "auto" and name not in dev_rows):
            continue
        method: CalibrationMethod = "prior" if task.calibration == "auto" else task.calibration
        plan.fits[name] = (method, fitting_rows(method, task, pool, suite.train.seed))
    fitted = plan.carry_out(score)
    scores, calibrated = score_calibrated(suite, dev_rows, dev_log_probs, fitted)
    for name, of_task in calibrated.items():
        task = suite.tasks[name]
        before, after = of_task.before, scores[name]
        better = after.value(task.metric) > before.value(task.metric) + _ROUNDING
        kept = better or task.calibration != "auto"
        shown = (f"{each.summary()[task.metric]:.4f}" for each in (before, after))
        say(
            f"calibration: {name} `{of_task.kind}` dev {figure_title(task.metric)} "
            + " → ".join(shown)
            + ("" if kept else ", not kept")
        )
        if not kept:
            del fitted[name]
    return fitted
