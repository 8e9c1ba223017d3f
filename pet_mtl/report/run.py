"""The report of a training run."""

from pet_mtl.report.build import report_data
from pet_mtl.report.page import write_report
from pet_mtl.training.result import FinishedRun


def report_run(run: FinishedRun) -> None:
    """Write `report.html` into the run's folder."""
    shown = report_data(
        run.suite,
        run.model,
        run.tokenizer,
        run.machine,
        run.prompts,
        run.words,
        run.rows,
        run.log_probs,
        run.result.scores,
        run.records,
        run.facts,
        run.result.best_step,
    )
    write_report(run.file, shown)
