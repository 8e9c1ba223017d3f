"""What every training procedure does around its optimizer steps: count, time, log, evaluate, save,
stop."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

from pet_mtl.console import bar
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.row_dropout import rows_of_steps
from pet_mtl.stepping.interrupt import Interrupted, StopSignals
from pet_mtl.storage.state import Progress


class Stepper(Protocol):
    """The part of a procedure that does the steps.

    Attributes:
        total: steps of the whole run.
        progress: where it stands; `step` counts the tokens, the driver all else.
        throughput: rows and tokens a second, filled by the driver.
    """

    total: int
    progress: Progress
    throughput: Throughput

    def step(self) -> int:
        """Do one optimizer step and return its rows."""

    def record(self, *, whole: bool) -> dict[str, Any]:
        """Return a log line and forget what it sums up; `whole` also checks the weights.

        Raises:
            RunError: a value is not a number.
        """

    def keep(self) -> None:
        """Check the weights, and put what the next log line sums up into `progress.window`: which
        lines a run writes must not depend on where it was stopped.

        Raises:
            RunError: a value is not a number.
        """

    def note(self, record: dict[str, Any]) -> str:
        """Return what stands behind the progress bar."""

    def evaluates(self) -> bool:
        """Return whether an evaluation follows the step just done."""

    def over(self) -> bool:
        """Return whether the step just done was the last, whatever `total` says."""

    def anyone(self, flag: bool) -> bool:
        """Return whether any process says yes, so that all do the same."""


def run_loop(
    stepper: Stepper,
    *,
    evaluate: Callable[[], bool],
    save: Callable[[], None],
    log: Callable[[dict[str, Any]], None],
    log_every: int,
    save_every: float,
) -> None:
    """Do the steps that are left.

    Args:
        evaluate: called where the stepper says so; returns whether to stop early.
        save: writes the state to go on from; called after evaluations, now and then, and before
            stopping.
        log: takes a record for `metrics.jsonl`.
        log_every: steps between two records.
        save_every: seconds between two saves.

    Raises:
        Interrupted: Ctrl-C, SIGTERM or SIGHUP came; the state was saved.
        RunError: the loss is not a number; the state was not saved.
    """
    progress, throughput = stepper.progress, stepper.throughput
    saved, note = time.monotonic(), ""
    # the first step pays for start-up, unless it is the only one
    warm = stepper.total - progress.step == 1
    # steps seed torch's generators, from which other code in the process may draw as well
    on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = [torch.cuda.current_device()] if on_gpu else []
    with (
        torch.random.fork_rng(devices),
        # a caller's would be met by losses and gradients: the number format is the `Machine`'s
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False) if on_gpu else contextlib.nullcontext(),
        rows_of_steps(),
        StopSignals() as signals,
        bar("training", stepper.total, progress.step) as shown,
    ):
        while progress.step < stepper.total:
            start, tokens = time.perf_counter(), progress.tokens
            rows = stepper.step()
            progress.step += 1
            progress.rows += rows
            seconds = time.perf_counter() - start
            progress.seconds += seconds
            if warm:
                throughput.rows += rows
                throughput.tokens += progress.tokens - tokens
                throughput.seconds += seconds
            warm = True
            last = progress.step == stepper.total or stepper.over()
            evaluates = stepper.evaluates() or last
            stops = stepper.anyone(signals.wanted)
            saves = evaluates or stops or stepper.anyone(time.monotonic() - saved > save_every)
            if evaluates or progress.step % log_every == 0:
                record = stepper.record(whole=saves)
                progress.window = {}
                log(record)
                note = stepper.note(record)
            elif saves:
                stepper.keep()
            shown.advance(1, note)
            if evaluates:
                progress.finished = evaluate() or last
            if saves:
                save()
                saved = time.monotonic()
            # the last evaluation takes its time: the wish may have come during it
            if stops or (progress.finished and stepper.anyone(signals.wanted)):
                raise Interrupted(
                    f"stopped after step {progress.step} of {stepper.total}; the state is saved"
                )
            if progress.finished:
                return
