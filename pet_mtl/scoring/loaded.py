"""A model in memory, ready to score rows."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from pet_mtl.cloze.encode import Prompts, encode_forms
from pet_mtl.cloze.form import Compiled, Form, compile_tasks
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, RunError, placed
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.backbone import check_length
from pet_mtl.model.calibration import Calibration, CalibrationMethod, apply_calibrations
from pet_mtl.model.hardware import Machine
from pet_mtl.model.methods import build, capabilities, compiler
from pet_mtl.model.slot_encoder import slot_encoders
from pet_mtl.model.task_model import ParameterCounts, TaskModel
from pet_mtl.paths import absolute, user_path
from pet_mtl.scoring.calibration.plan import Plan, plan_calibrations
from pet_mtl.scoring.log_probs import FloatArray, score_items, score_plans, score_prompts
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.storage.checkpoint import Checkpoint, read_checkpoint
from pet_mtl.storage.own_weights import load_own_weights, own_weights
from pet_mtl.storage.pretrained import load_backbone, load_pieces
from pet_mtl.suite.chain import chain_of
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.levels import in_order, split_levels
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import CalibrationChoice, TaskSpec
from pet_mtl.suite.verbalizer import read_verbalizer


def compile_suite(suite: Suite, tokenizer: PieceTokenizer, source: str | None = None) -> Compiled:
    """Compile all tasks as the suite's method writes their rows.

    Args:
        source: what errors name as their place; None: the suite's file.

    Raises:
        PetMtlError: see `compile_forms`.
    """
    with placed(source or suite.source):
        return compile_tasks(
            suite.tasks.values(), tokenizer, suite.train.max_length, compiler(suite.method)
        )


def build_model(mlm: object, compiled: Compiled, suite: Suite, machine: Machine) -> TaskModel:
    """Put what the suite's method adds on a masked language model, in evaluation mode."""
    return build(mlm, compiled, suite, machine.attention.value).to(machine.device).eval()


class LoadedModel:
    """A masked language model, its tokenizer, and the tasks of a suite; several threads may score
    with it at once.

    What it scores with is built once, when it is first needed, in evaluation mode for ever: to
    train it, build another.

    Args:
        folder: a folder or hub name.
        suite: its tasks.
        dropout: as `load_backbone` has it.

    Attributes:
        home: the folder.
        calibration: applied to the scores of its tasks.
        parameters: counted with its model.

    Raises:
        PetMtlError: not a masked language model, or one with fewer positions than the suite's
            longest prompt.
    """

    def __init__(self, folder: str, suite: Suite, dropout: float | None = None) -> None:
        self.home = folder
        self.suite = suite
        self.source = suite.source  # of its tasks, as errors name it
        machine = Machine.choose(suite.train.precision, suite.train.attention)
        self.tokenizer = load_pieces(folder)
        self.mlm = load_backbone(folder, attention=machine.attention.value, dropout=dropout)
        self.machine = machine.for_model(self.mlm)
        check_length(self.mlm, suite.train.max_length)
        self.calibration: dict[str, Calibration] = {}
        self.parameters: ParameterCounts | None = None
        self._built: TaskModel | None = None
        self._building = threading.RLock()

    @cached_property
    def compiled(self) -> Compiled:
        """The patterns and label words of all tasks."""
        return compile_suite(self.suite, self.tokenizer, self.source)

    @property
    def forms(self) -> tuple[Form, ...]:
        """The compiled patterns of all tasks."""
        return self.compiled.forms

    @property
    def model(self) -> TaskModel:
        """The model over `compiled`."""
        if self._built is None:
            with self._building:
                if self._built is None:  # another thread may have been first
                    model = self._build()
                    self.parameters = model.parameter_counts()
                    for encoder in slot_encoders(model):
                        encoder.fix()
                    self._built = model
        return self._built

    def _build(self) -> TaskModel:
        return build_model(self.mlm, self.compiled, self.suite, self.machine)

    def encode(self, rows: Mapping[str, Rows]) -> Prompts:
        """Return the prompts of rows of some tasks."""
        longest = self.suite.train.max_length
        return encode_forms(self.forms, rows, self.tokenizer, longest)

    def item_scores(self, prompts: Prompts) -> FloatArray:
        """Return what `score_items` does of all prompts."""
        plans = score_plans(prompts, self.machine)
        return score_items(self.model, prompts, plans, self.machine, self.tokenizer)

    def log_probs(
        self,
        rows: Mapping[str, Rows],
        *,
        throughput: Throughput | None = None,
        title: str = "scoring",
        processes: Processes = ALONE,
    ) -> dict[str, FloatArray]:
        """Return the label log-probabilities `[rows, K]` of each task's rows, in their order."""
        raw = self.raw_log_probs(rows, throughput=throughput, title=title, processes=processes)
        return apply_calibrations(raw, self.calibration)

    def raw_log_probs(
        self,
        rows: Mapping[str, Rows],
        *,
        throughput: Throughput | None = None,
        title: str = "calibrating",
        by_pattern: dict[str, FloatArray] | None = None,
        processes: Processes = ALONE,
    ) -> dict[str, FloatArray]:
        """Return `log_probs` without calibration; see `score_prompts` for `by_pattern` and
        `processes`."""
        prompts = self.encode(rows)
        return score_prompts(
            self.model,
            prompts,
            self.machine,
            self.tokenizer,
            throughput=throughput,
            title=title,
            by_pattern=by_pattern,
            processes=processes,
        )


class LoadedCheckpoint(LoadedModel):
    """A checkpoint's model, tokenizer and suite.

    Args:
        checkpoint: its folder, or what `read_checkpoint` found there, which is not hashed again.
        verbalizers: other label words for some tasks, by task; a stored calibration does not hold
            for them.

    Raises:
        PetMtlError: see `read_checkpoint`; a verbalizer for an unknown task or with other labels
            than the task's.
        RunError: see `require_unchanged`.
    """

    def __init__(self, checkpoint: Path | Checkpoint, verbalizers: Mapping[str, Path] = {}) -> None:
        self.checkpoint = (
            checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(checkpoint)
        )
        self.folder = self.checkpoint.folder
        super().__init__(str(self.folder), with_verbalizers(self.checkpoint.suite, verbalizers))
        self.require_unchanged()
        self.source = str(self.folder)
        self.calibration = valid_calibration(self.checkpoint, self.suite)

    def _build(self) -> TaskModel:
        model = super()._build()
        if own_weights(model, self.mlm):  # which are read long after the backbone's
            load_own_weights(self.folder, model, self.mlm)
            self.require_unchanged()
        return model

    def require_unchanged(self) -> None:
        """Raise a RunError where a run has put another checkpoint into the folder: what is read
        now would be of both."""
        now = replace(read_checkpoint(self.folder), suite=self.checkpoint.suite)  # a caller's own
        if repr(now) != repr(self.checkpoint):  # as text: NaN is not equal to itself
            message = "the checkpoint was replaced while it was read"
            hint = "try again, with a copy of the folder if its run goes on"
            raise RunError(message, where=str(self.folder), hint=hint)


def valid_calibration(checkpoint: Checkpoint, suite: Suite) -> dict[str, Calibration]:
    """Return the stored calibrations of the tasks whose words in `suite` are the stored ones."""
    return {
        name: of_task
        for name, of_task in checkpoint.calibration.items()
        if _same_words(name, suite, checkpoint.suite)
    }


def _same_words(name: str, suite: Suite, stored: Suite) -> bool:
    """Return whether a task has the stored label words, and so do the tasks that its prompts
    read."""
    names = (name, *chain_of(stored.tasks[name], stored.tasks))
    return all(suite.tasks[each].all_words == stored.tasks[each].all_words for each in names)


def plan_for_checkpoint(
    checkpoint: Checkpoint,
    suite: Suite,
    tasks: Iterable[str],
    wanted: CalibrationChoice | None = None,
    skip_bad_rows: int = 0,
) -> Plan:
    """Plan a checkpoint's calibrations: the stored ones, fitted anew for new words, unless `wanted`
    says otherwise.

    Raises:
        PetMtlError: see `plan_calibrations`.
    """
    stored: dict[str, CalibrationMethod] = {
        name: of_task.kind for name, of_task in checkpoint.calibration.items()
    }
    choices = dict.fromkeys(tasks, wanted or "auto")
    return plan_calibrations(
        suite, choices, stored, valid_calibration(checkpoint, suite), skip_bad_rows=skip_bad_rows
    )


def with_data_root(suite: Suite, folder: Path | None) -> Suite:
    """Return a stored suite whose relative data paths start from another folder, if one is given.

    Raises:
        PetMtlError: see `absolute`.
    """
    if folder is None:
        return suite
    return suite.model_copy(update={"base": str(absolute(user_path(folder), "--data-root"))})


def with_verbalizers(suite: Suite, files: Mapping[str, Path]) -> Suite:
    """Return the suite with other label words for some tasks; the order of the labels stays.

    Raises:
        PetMtlError: an unknown task, labels that are not the task's, words that do not go with its
            kind, or a method without label words.
    """
    tasks = dict(suite.tasks)
    for name, file in files.items():
        where = f"--verbalizer {name}={file}"
        if not capabilities(suite.method).reads_words:
            raise PetMtlError(
                f"the checkpoint was trained with `--method {suite.method.name}`: its "
                "classifiers read no label words",
                where=where,
                hint=(
                    "leave `--verbalizer` out; other label words are for checkpoints of the "
                    "methods `pet` and `cln`"
                ),
            )
        tasks[name] = _with_words(require_task(suite, name, where), file, where)
    changed = suite.model_copy(update={"tasks": tasks})
    # thresholds that were fitted say nothing of other words
    kept = {
        name: task if _same_words(name, changed, suite) else task.without_fitted_thresholds()
        for name, task in tasks.items()
    }
    return changed.model_copy(update={"tasks": kept})


def _with_words(task: TaskSpec, file: Path, where: str) -> TaskSpec:
    """Return a task with the label words of a file; the order of its labels stays.

    Raises:
        PetMtlError: see `with_verbalizers`.
    """
    if task.verbalizer_kind.name != "manual":
        raise PetMtlError(
            f"task `{task.name}` was trained with `verbalizer_kind: {task.verbalizer_kind.name}`: "
            "what it learned belongs to its own label words",
            where=where,
            hint="leave `--verbalizer` out, or train with the new words",
        )
    labels = task.verbalizer.labels
    new, above = read_verbalizer(file, task.level_separator if task.above else None), task.above
    if task.levels:
        new, above = split_levels(new, task.levels, task.level_separator)
    differences = {"lacks": {*labels} - {*new.labels}, "adds": {*new.labels} - {*labels}}
    if any(differences.values()):
        raise PetMtlError(
            f"the labels are not those of task `{task.name}`: "
            + "; ".join(
                f"{what} {', '.join(map(quoted, sorted(these)))}"
                for what, these in differences.items()
                if these
            ),
            where=str(file),
            hint=f"the labels are {', '.join(map(quoted, labels))}",
        )
    if above and task.above:
        above = in_order(above, task.above.labels)
    changes = {"verbalizer": in_order(new, labels), "above": above}
    try:
        TaskSpec.model_validate(task.model_dump() | changes)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PetMtlError(message, where=str(file)) from None
    return task.model_copy(update=changes)


def require_task(suite: Suite, name: str, where: str) -> TaskSpec:
    """Return a task of a suite.

    Raises:
        PetMtlError: the suite has no such task.
    """
    if name not in suite.tasks:
        raise PetMtlError(
            f"no task `{name}`", where=where, hint=f"the tasks are {', '.join(suite.tasks)}"
        )
    return suite.tasks[name]
