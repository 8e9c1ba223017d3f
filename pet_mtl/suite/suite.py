"""A suite: the tasks and settings of one run, read from a pattern file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator

from pet_mtl.errors import ProblemList
from pet_mtl.paths import absolute, user_path
from pet_mtl.suite.auto import fill_auto
from pet_mtl.suite.chain import check_chains, read_problem, require_reads
from pet_mtl.suite.losses import LossSettings
from pet_mtl.suite.method import HeadsMethod, Method, PetMethod, build_method, set_method
from pet_mtl.suite.overrides import apply_overrides, set_place
from pet_mtl.suite.settings import SamplingSettings, TrainSettings
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.task_section import TASK_NAME, build_task
from pet_mtl.suite.validation import found, name_hint, validate
from pet_mtl.suite.yaml_file import Document, Key, read_yaml

VERSION = 1
KEYS = ("version", "model", "data_root", "tasks", "method", "train", "sampling")


class Suite(BaseModel):
    """Everything a pattern file says. `base` is the absolute folder that relative data paths start
    from; `chosen` says of the keys of `train:` that were `auto` whence their numbers come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    model: str
    tasks: dict[str, TaskSpec]
    train: TrainSettings
    sampling: SamplingSettings
    method: Annotated[Method, Discriminator("name")] = PetMethod()
    source: str
    base: str
    chosen: dict[str, str] = {}

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Refuse names that are none: they become names of files, and a stored suite is not written
        by us only."""
        for name, task in self.tasks.items():
            if task.name != name or not TASK_NAME.fullmatch(name):
                raise ValueError(f"{found(name)} is not a task name")
        if not self.tasks:
            raise ValueError("there are no tasks")
        for name, task in self.tasks.items():
            for read in task.reads:
                if problem := read_problem(name, read, list(self.tasks), self.tasks):
                    raise ValueError(problem.message)
        return self


def load_suite(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    data_root: Path | None = None,
    model: str | None = None,
    verbalizers: Mapping[str, Path] = {},
    method: str | None = None,
    sharing: str | None = None,
    only: Sequence[str] | None = None,
) -> Suite:
    """Read a pattern file and the verbalizer files it names.

    `overrides` are `key=value` texts (`train.epochs=5`) with the meaning that they would have in
    the file; `data_root`, `model` and `verbalizers` (task to file) replace what the file says and
    start from the working directory; `method` and `sharing` replace those of the `method:` section;
    `only` names the tasks to keep.

    Raises:
        PetMtlError: with every problem of the pattern file, the overrides and the verbalizer files.
    """
    return _build(
        read_yaml(path),
        path.stem,
        overrides=overrides,
        data_root=data_root,
        model=model,
        verbalizers=verbalizers,
        method=method,
        sharing=sharing,
        only=only,
    )


def suite_from_tree(tree: Mapping[str, Any], name: str) -> Suite:
    """Check what a pattern file would say, given as plain data by a program; relative paths start
    from the working directory.

    Raises:
        PetMtlError: with every problem; the places are keys such as `tasks.news.patterns`.
    """
    document = Document("suite", dict(tree))
    _name_places(document, document.tree, ())
    return _build(document, name)


def _name_places(document: Document, part: Any, key: Key) -> None:
    if key:
        document.places[key] = ".".join(map(str, key))
    if isinstance(part, dict | list):
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for inner, value in items:
            _name_places(document, value, (*key, inner))


def _build(
    document: Document,
    file_name: str,
    *,
    overrides: Sequence[str] = (),
    data_root: Path | None = None,
    model: str | None = None,
    verbalizers: Mapping[str, Path] = {},
    method: str | None = None,
    sharing: str | None = None,
    only: Sequence[str] | None = None,
) -> Suite:
    path = Path(document.path)
    problems = ProblemList()
    if not isinstance(document.tree, dict):
        problems.add(
            f"must have keys and values, found {found(document.tree)}",
            where=document.where(()),
            hint="start with: version: 1",
        )
        problems.raise_if_any()
    set_method(document, method, sharing)
    apply_overrides(document, overrides, problems)
    if model is not None:
        document.tree["model"] = model
        set_place(document, ("model",), f"--model {model}")
    tree = document.tree
    for key in tree:
        if key not in KEYS:
            problems.add(
                f"unknown key `{key}`",
                where=document.where((key,)),
                hint=f"did you mean `train.{key}`?"
                if key in TrainSettings.model_fields
                else name_hint(key, KEYS),
            )
    _check_version(tree, document, problems)
    model_name = _text("model", tree, document, problems)
    if "model" not in tree:
        problems.add(
            "`model` is missing", where=document.where(()), hint="for example: model: zh-mini"
        )
    root = _text("data_root", tree, document, problems)
    base = (
        user_path(data_root)
        if data_root is not None
        else path.parent / user_path(root or "", document.where(("data_root",)))
    )
    tasks = _tasks(document, verbalizers, problems)
    chosen = fill_auto(document, model_name, path.parent, problems)
    train = validate(TrainSettings, _section("train", tree), document, ("train",), problems)
    sampling = validate(
        SamplingSettings, _section("sampling", tree), document, ("sampling",), problems
    )
    _check_weights(document, problems)
    how = build_method(tree.get("method"), document, problems)
    if isinstance(how, HeadsMethod):
        _refuse_reads(tasks, document, problems)
    if train is not None:
        _check_terms(train.losses, tasks, how, document, problems)
    problems.problems.sort(key=document.order)
    problems.raise_if_any()
    assert train is not None
    assert sampling is not None
    return Suite(
        name=file_name,
        model=model_name,
        tasks=tasks if only is None else _some(tasks, only),
        train=train,
        sampling=sampling,
        method=how,
        source=str(path),
        base=str(absolute(base, "--data-root" if data_root else None)),
        chosen=chosen,
    )


def _refuse_reads(tasks: Mapping[str, TaskSpec], document: Document, problems: ProblemList) -> None:
    """Find patterns that read another task, which classification heads cannot."""
    for task in tasks.values():
        if task.reads:
            problems.add(
                f"`{{task:{task.reads[0]}}}` stands in a pattern, but `heads` reads none",
                where=document.where(("tasks", task.name, "patterns")),
                hint="take `pet` or `cln`, or leave that place out of the patterns",
            )


def _some(tasks: dict[str, TaskSpec], names: Sequence[str]) -> dict[str, TaskSpec]:
    """Return the named tasks in the file's order.

    Raises:
        PetMtlError: no name, or one that is no task.
    """
    problems = ProblemList()
    for name in names or ("",):
        if name not in tasks:
            where = f"--tasks {','.join(names)}"
            problems.add(f"no task `{name}`", where=where, hint=f"the tasks are {', '.join(tasks)}")
    problems.raise_if_any()
    some = {name: task for name, task in tasks.items() if name in names}
    require_reads(some, f"--tasks {','.join(names)}")
    return some


def _section(key: str, tree: dict[str, Any]) -> Any:
    """Return a section; one whose keys are all commented out is empty."""
    value = tree.get(key)
    return {} if value is None else value


def _text(key: str, tree: dict[str, Any], document: Document, problems: ProblemList) -> str:
    """Return a text of the top level, or an empty one."""
    value = tree.get(key, "")
    if key in tree and not (isinstance(value, str) and value.strip()):
        problems.add(f"`{key}` must be text, found {found(value)}", where=document.where((key,)))
        return ""
    return str(value)


def _check_weights(document: Document, problems: ProblemList) -> None:
    """Find weights of tasks that the file has not."""
    tasks, train = document.tree.get("tasks"), document.tree.get("train")
    weights = train.get("weighting") if isinstance(train, dict) else None
    if isinstance(tasks, dict) and isinstance(weights, dict):
        for name in weights:
            if name not in tasks:
                problems.add(
                    f"`train.weighting` has no task `{name}`",
                    where=document.where(("train", "weighting", name)),
                    hint=name_hint(name, list(tasks)),
                )


def _check_terms(
    losses: LossSettings,
    tasks: dict[str, TaskSpec],
    method: Any,
    document: Document,
    problems: ProblemList,
) -> None:
    """Find loss terms that need what the tasks or the method have not."""
    name = losses.reads_slots
    if name is not None and isinstance(method, HeadsMethod):
        problems.add(
            f"`train.losses.{name}` reads the slots of prompts, and `method: heads` has none",
            where=document.where(("train", "losses", name)),
            hint="leave it out, or train with `method: pet` or `method: cln`",
        )
    name = losses.reads_unlabelled
    if name is not None and tasks and not any(task.data.unlabelled for task in tasks.values()):
        problems.add(
            f"`train.losses.{name}` reads unlabelled rows, and no task has any",
            where=document.where(("train", "losses", name, "text")),
            hint="give a task `data: {unlabelled: FILE}`, or set `text: labelled`",
        )


def _check_version(tree: dict[str, Any], document: Document, problems: ProblemList) -> None:
    where = document.where(("version",))
    version = tree.get("version")
    if "version" not in tree:
        problems.add(
            "`version` is missing", where=where, hint=f"add a first line: version: {VERSION}"
        )
    elif type(version) is int and version > VERSION:
        problems.add(
            f"written for a newer pet-mtl: `version: {version}`, this one reads {VERSION}",
            where=where,
            hint="update pet-mtl",
        )
    elif type(version) is not int or version != VERSION:
        problems.add(f"`version` must be {VERSION}, found {found(version)}", where=where)


def _tasks(
    document: Document, verbalizers: Mapping[str, Path], problems: ProblemList
) -> dict[str, TaskSpec]:
    """Return the valid tasks in the file's order."""
    sections = document.tree.get("tasks")
    where = document.where(("tasks",))
    if "tasks" not in document.tree:
        problems.add(
            "`tasks` is missing",
            where=where,
            hint="write the tasks under `tasks:`, each with its name as key",
        )
        return {}
    if not isinstance(sections, dict) or not sections:
        problems.add(
            f"`tasks` must have one key per task, found {found(sections or None)}", where=where
        )
        return {}
    for name, file in verbalizers.items():
        if name not in sections:
            problems.add(
                f"no task `{name}`",
                where=f"--verbalizer {name}={file}",
                hint=name_hint(name, list(sections)),
            )
    tasks = {}
    for name, section in sections.items():
        task = build_task(name, section, document, verbalizers.get(name), problems)
        if task is not None:
            tasks[name] = task
    check_chains(tasks, list(sections), document, problems)
    return tasks
