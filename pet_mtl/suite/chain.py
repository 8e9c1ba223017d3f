"""Tasks that read what others predict: `{task:NAME}` in a pattern."""

from collections.abc import Mapping, Sequence

from pet_mtl.errors import Problem, ProblemList
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.validation import name_hint
from pet_mtl.suite.yaml_file import Document, Key


def check_chains(
    tasks: Mapping[str, TaskSpec],
    sections: Sequence[str],
    document: Document,
    problems: ProblemList,
) -> None:
    """Find tasks that read what is not predicted before them.

    Args:
        tasks: the valid tasks, in the file's order.
        sections: the names of all tasks of the file.
    """
    order = list(sections)
    for name, task in tasks.items():
        if not task.detach and not task.reads:
            problems.add(
                f"`detach: false` of `{name}` has nothing to act on: no pattern reads another task",
                where=document.where(("tasks", name, "detach")),
                hint="leave it out, or write `{task:NAME}` into a pattern",
            )
        for index, source in enumerate(task.patterns):
            for read in parse_pattern(source).tasks:
                if problem := read_problem(name, read, order, tasks):
                    key: Key = ("tasks", name, "patterns")
                    where = document.where((*key, index) if len(task.patterns) > 1 else key)
                    problems.add(problem.message, where=where, hint=problem.hint)


def read_problem(
    name: str, read: str, order: Sequence[str], tasks: Mapping[str, TaskSpec]
) -> Problem | None:
    """Return what is wrong with `{task:READ}` in a pattern of the task `name`, None where nothing
    is."""
    place = f"`{{task:{read}}}`"
    if read not in order:
        known = [other for other in order if other != name]
        return Problem(f"{place}: there is no task `{read}`", hint=name_hint(read, known))
    if read == name:
        return Problem(
            f"{place}: the task reads its own prediction, which goes in a circle",
            hint="name a task that comes before it",
        )
    if order.index(read) > order.index(name):
        if circle := _path(read, name, tasks):
            shown = " → ".join([name, *circle])
            message = f"{place}: tasks read one another in a circle: {shown}"
            return Problem(message, hint="leave one of these places out")
        message = f"{place}: the task `{read}` comes later in the file"
        return Problem(message, hint=f"put `{read}` before `{name}`")
    # of one that is not among the tasks, its own problems are said already
    return _unfit(name, read, tasks) if read in tasks else None


def _unfit(name: str, read: str, tasks: Mapping[str, TaskSpec]) -> Problem | None:
    """Return why a task cannot say anything of another's rows, None where it can."""
    other = tasks[read]
    if not other.kind_spec.facts.plain:
        return Problem(
            f"`{{task:{read}}}`: only a task of the kind `classification` or `ordered`, without "
            "`levels`, is read"
        )
    used = {field for pattern in other.patterns for field in parse_pattern(pattern).fields}
    missing = sorted(used - set(tasks[name].fields))
    if missing:
        listed = ", ".join(f"`{field}`" for field in missing)
        return Problem(
            f"`{{task:{read}}}`: the task `{read}` reads {listed}, which the rows of `{name}` have "
            "not",
            hint="call the columns alike: `columns` of both tasks may name fields as you like",
        )
    return None


def _path(start: str, end: str, tasks: Mapping[str, TaskSpec]) -> list[str]:
    """Return how one task reads another's prediction, itself or through others; empty where it does
    not."""
    paths, seen = [[start]], {start}
    while paths:
        path = paths.pop(0)
        if path[-1] == end:
            return path
        following = tasks[path[-1]].reads if path[-1] in tasks else ()
        for read in following:
            if read not in seen:
                seen.add(read)
                paths.append([*path, read])
    return []


def chain_of(task: TaskSpec, tasks: Mapping[str, TaskSpec]) -> dict[str, TaskSpec]:
    """Return the tasks that one reads, itself or through others, in the order of `tasks`; it is not
    among them itself."""
    found, open_ = set[str](), list(task.reads)
    while open_:
        name = open_.pop()
        if name not in found and name != task.name and name in tasks:
            found.add(name)
            open_ += tasks[name].reads
    return {name: each for name, each in tasks.items() if name in found}


def readable_by(name: str, tasks: Mapping[str, TaskSpec]) -> list[str]:
    """Return the tasks whose predictions the patterns of a task may read."""
    order = list(tasks)
    before = order[: order.index(name)]
    return [other for other in before if _unfit(name, other, tasks) is None]


def require_reads(tasks: Mapping[str, TaskSpec], where: str, hint: str | None = None) -> None:
    """Refuse some tasks of a file without those that they read.

    Args:
        hint: None: to name the others too.

    Raises:
        PetMtlError: with all problems.
    """
    problems = ProblemList()
    for name, task in tasks.items():
        for read in task.reads:
            if read not in tasks:
                problems.add(
                    f"`{name}` reads what `{read}` predicts, which is left out",
                    where=where,
                    hint=hint or f"name `{read}` too",
                )
    problems.raise_if_any()
