"""The whole of `pet-mtl sweep`: trial after trial, then what they say."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pet_mtl.console import say
from pet_mtl.data.suite_data import TaskData, dev_rows_of, load_suite_data
from pet_mtl.errors import MachineError, PetMtlError, RunError
from pet_mtl.stepping.interrupt import Interrupted
from pet_mtl.storage.lock import held
from pet_mtl.storage.taken_up import take_up
from pet_mtl.suite.task import SplitSpec
from pet_mtl.sweep.axes import Choices
from pet_mtl.sweep.best import write_best
from pet_mtl.sweep.page import write_page
from pet_mtl.sweep.result import SweepResult, TrialResult
from pet_mtl.sweep.space import LoadSuite, Space
from pet_mtl.sweep.study import TrialStore, require_optuna
from pet_mtl.sweep.trial_checks import TASKS, WHY
from pet_mtl.text import counted, same_command
from pet_mtl.training.run import train

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

FEW = 3  # trials whose input is refused alike, whatever they chose, end a sweep


@dataclass(frozen=True)
class SweepRequest:
    """What to search.

    Attributes:
        file: the pattern file.
        load: reads its suite with some settings.
        space: what is searched.
    """

    file: Path
    load: LoadSuite
    space: Space


def sweep(request: SweepRequest, out: Path) -> SweepResult:
    """Do the trials that are neither done nor in the hands of another process.

    A trial is a training of its own in `OUT/trials/NUMBER`; its score is what the run's best
    checkpoint has on the dev rows with its calibration, the mean over the tasks of each task's
    metric. Trials are stopped by what their evaluations say, without calibration. Only the best
    trial keeps its checkpoint.
    `OUT/best.yaml` is the pattern file with the best settings, `OUT/sweep.html` the page.

    Raises:
        PetMtlError: Optuna is not installed; the rows are not right; `out` holds another sweep, or
            what it reads was changed since it began; what was wrong with the first trials is wrong
            with all, as it seems: the same call goes on with the next.
        Interrupted: the trial in hand was saved; the same call goes on.
        MachineError: the disk is full; the same call goes on with the trial in hand.
        RunError: no trial succeeded.
    """
    require_optuna()
    suite = request.load(request.space.overrides({}))
    data = load_suite_data(suite)
    if not dev_rows_of(data):
        raise PetMtlError(
            "no task has dev rows to choose settings by",
            where=suite.source,
            hint="add `data: dev:` to a task",
        )
    split = [name for name, task in suite.tasks.items() if isinstance(task.data.dev, SplitSpec)]
    if split and "train.seed" in request.space.searched:
        say(
            f"warning: `train.seed` draws the dev rows of {', '.join(split)}, too: trials are "
            "scored on different rows; name a dev file"
        )
    store = TrialStore(out, request.load, request.space, data)
    while True:
        _keep_best(store)  # here: a process may have been killed before it did
        with store.next() as trial:
            if trial is None:
                break
            refused = _do(store, trial, request, data if _same_data(request) else None)
            if refused is not None and _of_all(store):
                say(
                    "all trials failed with this error, whatever they chose; once it is mended, "
                    f"{same_command(out)} goes on with the next"
                )
                raise refused
    with held(out / ".lock", wait=True):
        result = summarize(store, suite.name)
        if result.best is None:
            if result.running:
                raise PetMtlError("another process has all trials in hand", where=str(out))
            raise RunError(
                "no trial succeeded", where=str(out), hint="; ".join(result.reasons[:3]) or None
            )
        best = {name: result.best.settings[name] for name in request.space.searched}
        write_best(request.file, {**request.space.fixed, **best}, out / "best.yaml")
        write_page(out / "sweep.html", result)
    if result.running:
        say(
            f"left to another process: {counted(result.running, 'trial')}; it writes the page anew "
            "when it is done"
        )
    return result


def _same_data(request: SweepRequest) -> bool:
    """Tell whether the trials' rows are those of the suite itself: no task's settings are searched,
    nor the seed, which splits."""
    return not any(
        name.startswith(("tasks", "data_root", "train.seed")) for name in request.space.searched
    )


def _do(
    store: TrialStore, trial: "Trial", request: SweepRequest, data: Mapping[str, TaskData] | None
) -> PetMtlError | None:
    """Train a trial and note how it ended.

    Returns:
        What was wrong with its input, such as a setting that its model cannot have.

    Raises:
        Interrupted, MachineError: see `sweep`.
        PetMtlError: what the trials depend on was changed.
    """
    from optuna.exceptions import TrialPruned
    from optuna.trial import TrialState

    store.refuse_changed()
    chosen = request.space.ask(trial)
    shown = "  ".join(f"{name}={_short(value)}" for name, value in chosen.items())
    say(f"trial {trial.number + 1} of {request.space.trials}: {shown}")
    run = store.folder(trial.number) / "run"
    resume = take_up(run)

    def evaluated(step: int, score: float) -> None:
        told = store.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        if step not in told:
            trial.report(score, step)
        if trial.should_prune():
            raise TrialPruned

    try:
        suite = request.load(request.space.overrides(chosen))
        done = train(suite, run, resume=resume, data=data, evaluated=evaluated)
    except Interrupted as stopped:
        raise stopped.hinted(f"{same_command(store.out)} goes on") from None
    except TrialPruned:
        say(f"trial {trial.number + 1}: stopped, its scores are below the median of the others'")
        store.study.tell(trial, state=TrialState.PRUNED)
    except MachineError:
        say(f"trial {trial.number + 1}: {same_command(store.out)} goes on here")
        raise
    except PetMtlError as plain:
        error = request.space.told(plain)
        say(f"error: trial {trial.number + 1}: {error}")
        trial.set_user_attr(WHY, str(error))
        store.study.tell(trial, state=TrialState.FAIL)
        return None if isinstance(error, RunError) else error
    else:
        by_task = {
            name: score.value(suite.tasks[name].metric) for name, score in done.scores.items()
        }
        trial.set_user_attr(TASKS, by_task)
        store.study.tell(trial, sum(by_task.values()) / len(by_task))
    return None


def _of_all(store: TrialStore) -> bool:
    """Tell whether what failed a trial has nothing to do with what it chose: it failed all that
    ended, a few at least, and each setting had several values in them."""
    ended = [trial for trial in store.study.get_trials(deepcopy=False) if trial.state.is_finished()]
    reasons = {_reason(store, trial) for trial in ended}
    values = [{trial.params.get(name) for trial in ended} for name in store.space.searched]
    return len(ended) >= FEW and len(reasons) == 1 and all(len(each) > 1 for each in values)


def _reason(store: TrialStore, trial: "FrozenTrial") -> str | None:
    """Return why a trial failed, without its own folder's name; None where it did not."""
    why = trial.user_attrs.get(WHY)
    return None if why is None else why.replace(str(store.folder(trial.number)), "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _keep_best(store: TrialStore) -> None:
    """Remove the weights of all trials but the best."""
    with held(store.out / ".lock", wait=True):
        best = store.best()
        for trial in store.study.get_trials(deepcopy=False):
            if trial.state.is_finished():
                run = store.folder(trial.number) / "run"
                shutil.rmtree(run / "last", True)
                if best is None or trial.number != best.number:
                    shutil.rmtree(run / "checkpoint", True)


def summarize(store: TrialStore, suite: str) -> SweepResult:
    """Return what the trials of a sweep say."""
    trials = store.study.get_trials(deepcopy=False)
    best = store.best()
    return SweepResult(
        out=store.out,
        suite=suite,
        wanted=store.space.trials,
        trials=[_result(store, trial) for trial in trials],
        best=None if best is None else _result(store, best),
        importance=store.importance(),
        log={name for name, axis in store.space.searched.items() if getattr(axis, "log", False)},
    )


def _result(store: TrialStore, trial: "FrozenTrial") -> TrialResult:
    values = {
        name: axis.values
        for name, axis in store.space.searched.items()
        if isinstance(axis, Choices)
    }
    return TrialResult(
        number=trial.number,
        state=trial.state.name.lower(),
        score=trial.value if trial.state.name == "COMPLETE" else None,
        settings={n: values[n][v] if n in values else v for n, v in trial.params.items()},
        tasks=dict(trial.user_attrs.get(TASKS, {})),
        curve=dict(sorted(trial.intermediate_values.items())),
        seconds=None if trial.duration is None else trial.duration.total_seconds(),
        why=trial.user_attrs.get(WHY),
    )
