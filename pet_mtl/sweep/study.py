"""The trials of a sweep on disk: an Optuna study in a journal file, which several processes share.

A trial is held by a lock that the system frees with its process, so a trial whose process died is
found and goes on.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pet_mtl.data.digest import rows_digest, short_digest
from pet_mtl.data.sources import find_files
from pet_mtl.data.suite_data import TaskData
from pet_mtl.errors import PetMtlError
from pet_mtl.leftovers import sweep
from pet_mtl.random_streams import TRIAL
from pet_mtl.storage.backbone_digests import backbone_digests, refuse_replaced
from pet_mtl.storage.digests import file_digest
from pet_mtl.storage.lock import held
from pet_mtl.storage.same_settings import (
    PLACES,
    changed_keys,
    note_settings,
    same_settings,
    training_settings,
)
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec
from pet_mtl.sweep.space import LoadSuite, Space
from pet_mtl.sweep.trial_checks import fits

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

SETTINGS = "sweep.json"
PAGES = ("best.yaml", "sweep.html")
JOURNAL = "trials.journal"
# what Optuna raises at lines of other types or values than it writes
_OF_DAMAGED_LINES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip
WARM_UP_TRIALS = 5  # that are never pruned, so that there is a median to compare with


def require_optuna() -> None:
    """Raise where the package is not there.

    Raises:
        PetMtlError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise PetMtlError(
            "`pet-mtl sweep` needs Optuna", hint='install it: pip install "pet-mtl[sweep]"'
        ) from error


class TrialStore:
    """A sweep's folder.

    Args:
        out: the folder, made where it is missing.
        load: reads the suite that the trials start from.
        space: what they search.
        data: the rows of each task.

    Raises:
        PetMtlError: the folder holds another sweep, or is damaged.
    """

    def __init__(
        self, out: Path, load: LoadSuite, space: Space, data: Mapping[str, TaskData]
    ) -> None:
        self.out, self.space = out, space
        self._check = partial(_check_settings, out / SETTINGS, load, space, data)
        with held(out / ".lock", wait=True):
            for left in (SETTINGS, *PAGES):
                sweep(out / left)
            self._check()
            self.study = self._open()

    def refuse_changed(self) -> None:
        """Refuse to go on where what the trials depend on is not what it was: the files are read
        for each of them.

        Raises:
            PetMtlError: it is not.
        """
        self._check()

    def _open(self) -> "Study":
        import optuna
        from optuna.storages import JournalStorage

        from pet_mtl.sweep.journal import Journal, damaged

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if self.space.pruning:
            pruner = optuna.pruners.MedianPruner(n_startup_trials=WARM_UP_TRIALS)
        file = self.out / JOURNAL
        try:
            study = optuna.create_study(
                study_name="sweep",
                storage=JournalStorage(Journal(file)),
                sampler=self._sampler(0),
                pruner=pruner,
                direction="maximize",
                load_if_exists=True,
            )
            trials = study.get_trials(deepcopy=False)
        except _OF_DAMAGED_LINES as error:
            raise damaged(file) from error
        if not all(fits(trial, self.space) for trial in trials):
            raise damaged(file)
        folders = [int(f.name) for f in self.folder(0).parent.glob("*") if f.name.isdecimal()]
        if max(folders, default=-1) >= len(trials):  # a trial is noted before it gets a folder
            raise PetMtlError(
                f"it has {len(trials)} of the {max(folders) + 1} trials that have folders",
                where=str(file),
                hint="put the file back as it was, or choose another folder with `--out DIR`",
            )
        return study

    def _sampler(self, number: int) -> Any:
        """Return what chooses a trial's settings; its seed depends on the trial alone, not on the
        process or on earlier stops."""
        from optuna.samplers import TPESampler

        seed = TRIAL.generator(f"{self.space.seed}:{number}").getrandbits(32)
        return TPESampler(seed=seed, constant_liar=True)

    def folder(self, number: int) -> Path:
        """Return the folder of a trial."""
        return self.out / "trials" / f"{number:03d}"

    @contextmanager
    def next(self) -> Iterator["Trial | None"]:
        """Hold the next trial: one that a dead process left, or a new one; None where all are done
        or in other hands.

        Raises:
            PetMtlError, MachineError: the journal is damaged, or cannot be written: a full disk.
        """
        from optuna.trial import Trial, TrialState

        trial: Trial | None = None
        with ExitStack() as ours:

            def hold(number: int) -> bool:
                return ours.enter_context(held(self.folder(number) / ".lock"))

            with held(self.out / ".lock", wait=True):
                trials = self.study.get_trials(deepcopy=False)
                running = (one for one in trials if one.state == TrialState.RUNNING)
                left = next((one for one in running if hold(one.number)), None)
                number = len(trials) if left is None else left.number
                self.study.sampler = self._sampler(number)  # one that is left may not have chosen
                if left is not None:
                    trial = Trial(self.study, left._trial_id)
                    self._draw_again(trial)
                elif number < self.space.trials:
                    trial = self.study.ask()
                    hold(number)
            yield trial

    def _draw_again(self, trial: "Trial") -> None:
        """Have the sampler draw one by one what a trial that was stopped while it chose has so
        chosen: the rest is then what it would have been."""
        chosen = trial.distributions
        if chosen.keys() == self.space.searched.keys():
            return
        one = self.study.get_trials(deepcopy=False)[trial.number]
        together = trial.relative_params
        for name in self.space.searched:
            if name in chosen and name not in together:
                self.study.sampler.sample_independent(self.study, one, name, chosen[name])

    def finished(self) -> list["FrozenTrial"]:
        """Return the trials that were trained to the end."""
        from optuna.trial import TrialState

        return self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def best(self) -> "FrozenTrial | None":
        """Return the finished trial with the best score, the first of equal ones."""
        finished = self.finished()
        return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)

    def importance(self) -> dict[str, float]:
        """Return how much of the scores' spread each setting explains (functional ANOVA, Hutter et
        al. 2014); nothing where there are too few trials."""
        import optuna

        if len(self.finished()) < 4:
            return {}
        judge = optuna.importance.FanovaImportanceEvaluator(seed=self.space.seed)
        try:
            shares = optuna.importance.get_param_importances(self.study, evaluator=judge)
        except (ValueError, RuntimeError):  # all scores are the same
            return {}
        return {name: float(share) for name, share in shares.items()}


def _load(load: LoadSuite, space: Space, chosen: Mapping[str, Any]) -> Suite:
    try:
        return load(space.overrides(chosen))
    except PetMtlError as error:
        raise space.told(error) from error


def _tasks_digest(suite: Suite, digest: Callable[[Path], str]) -> str:
    """Return a digest of all that a suite's tasks read: label words, templates, files of rows.

    Args:
        digest: of a file.

    Raises:
        PetMtlError: a file is not there.
    """
    parts = [suite.model_dump_json(include={"tasks"}, exclude=PLACES)]
    for task in suite.tasks.values():
        data = task.data
        dev = () if data.dev is None or isinstance(data.dev, SplitSpec) else data.dev
        for source in (*data.train, *dev, *data.test, *data.unlabelled, *data.soft_labels):
            if not source.startswith("hub:"):
                parts += [digest(file) for file in find_files(source, Path(suite.base))]
    return short_digest(*(part.encode() for part in parts))


def _noted_before(task: TaskData) -> str:
    """Return the digest of a task's rows as earlier versions noted it: without the sets and
    numbers, of which it has the groups alone."""
    dev = task.dev and replace(task.dev, targets=None)
    return rows_digest(replace(task, train=replace(task.train, targets=None), dev=dev))


def _check_settings(
    file: Path, load: LoadSuite, space: Space, data: Mapping[str, TaskData]
) -> None:
    """Note what the trials depend on, after checking that those which are there had the same.

    Raises:
        PetMtlError: the folder holds another sweep; a file that only some trials read is not there.
    """
    suite = _load(load, space, {})
    chosen = {
        name: [_load(load, space, {name: value}) for value in axis.ends]
        for name, axis in space.searched.items()
        if name.split(".")[0] in ("model", "data_root", "tasks")
    }
    others = [other for each in chosen.values() for other in each]
    digest = cache(file_digest)
    now: dict[str, Any] = {
        **space.to_json(),
        "suite": training_settings(suite),
        "rows": {name: rows_digest(task) for name, task in data.items()},
        "backbones": backbone_digests({each.model: each for each in (suite, *others)}),
        "choices": {
            name: [_tasks_digest(other, digest) for other in each]
            for name, each in chosen.items()
            if name != "model"
        },
    }
    now = json.loads(json.dumps(now))

    def changes(then: dict[str, Any]) -> list[str]:
        # earlier versions noted none of these, but where relative paths start
        then = {"rows": now["rows"], "choices": {}, "backbones": {}, **then}
        then["rows"] = {
            name: now["rows"][name] if name in data and said == _noted_before(data[name]) else said
            for name, said in then["rows"].items()
        }
        then["suite"].pop("base", None)
        moved = ["data_root"]  # a folder is what it holds
        weights = then["backbones"].get(then["suite"]["model"])
        if weights is not None and weights == now["backbones"].get(suite.model):
            moved.append("model")
        for part, name in product(("suite", "fixed"), moved):
            if name in then[part].keys() & now[part].keys():
                then[part][name] = now[part][name]
        choices = now["choices"]
        plain = [key for key in now if key not in ("backbones", "choices")]
        found = changed_keys({key: then[key] for key in plain}, {key: now[key] for key in plain})
        found = found or [k for k in choices if then["choices"].get(k, choices[k]) != choices[k]]
        if not found:
            refuse_replaced(then["backbones"], now["backbones"], file.parent)
        return found

    found = same_settings(file, "sweep", ("trials",), changes)
    if found is None:
        note_settings(file, now)
    elif found.get("rows") != now["rows"]:  # an earlier version's: changes are noticed from now on
        note_settings(file, {**found, "rows": now["rows"]})
