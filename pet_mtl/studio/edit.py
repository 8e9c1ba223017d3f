"""Words and patterns of the page as a task, checked as a file would be."""

from collections.abc import Collection, Mapping, Sequence

from pydantic import ValidationError

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.label_lines import LabelEntry, quoted
from pet_mtl.suite.levels import UpperWords
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer, build_verbalizer


def edited_task(
    task: TaskSpec,
    words: Mapping[str, Sequence[str]],
    prefix: str | None = None,
    patterns: Sequence[str] | None = None,
    readable: Collection[str] = (),
) -> TaskSpec:
    """Return the task with other words, and another prefix and other patterns where they are given.

    Args:
        readable: the tasks whose predictions its patterns may read.

    Raises:
        PetMtlError: other labels than the task's, words that a verbalizer file could not have, a
            pattern that is none.
    """
    labels, verbalizer = task.all_labels, task.verbalizer
    if set(words) != set(labels):
        missing = [label for label in labels if label not in words]
        unknown = [label for label in words if label not in labels]
        what = [f"lacks {quoted(label)}" for label in missing[:3]]
        what += [f"adds {quoted(label)}" for label in unknown[:3]]
        raise PetMtlError(f"the labels are not those of task `{task.name}`: {', '.join(what)}")
    lines = (task.readings if task.above else verbalizer).lines or (0,) * len(labels)
    entries = [
        LabelEntry(label, tuple(words[label]), line)
        for label, line in zip(labels, lines, strict=True)
    ]
    apart = task.level_separator if task.above else None
    new = build_verbalizer(entries, verbalizer.source or "words", apart=apart)
    changes = _words(task, new)
    if prefix is not None or patterns is not None:
        changes["prefix"] = task.prefix if prefix is None else prefix
        changes["patterns"] = task.patterns if patterns is None else tuple(patterns)
        _check(task, str(changes["prefix"]), patterns or (), readable)
    try:
        TaskSpec.model_validate(task.model_dump() | changes)
    except ValidationError as error:
        raise PetMtlError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    return task.model_copy(update=changes)


def _words(task: TaskSpec, new: Verbalizer) -> dict[str, object]:
    """Return what words of all labels, and behind them of what stands above, change."""
    size = len(task.verbalizer.labels)
    own = Verbalizer(
        labels=new.labels[:size], words=new.words[:size], source=new.source, lines=new.lines[:size]
    )
    if task.above is None:
        return {"verbalizer": own}
    upper = UpperWords(labels=new.labels[size:], words=new.words[size:], lines=new.lines[size:])
    return {"verbalizer": own, "above": upper}


def _check(task: TaskSpec, prefix: str, patterns: Sequence[str], readable: Collection[str]) -> None:
    problems = ProblemList()
    if "{" in prefix or "}" in prefix:
        problems.add(f"the prefix `{prefix}` holds a brace", hint="a prefix is plain text")
    for number, source in enumerate(patterns, start=1):
        where = f"pattern {number}"
        try:
            pattern = parse_pattern(source)
        except PetMtlError as error:
            problems.extend(error, where=where)
            continue
        names = ", ".join(f"`{{{field}}}`" for field in task.fields)
        if not pattern.fields:
            problems.add("it has no field", where=where, hint=f"put in {names}")
        if pattern.soft_pieces:
            problems.add("learned pieces `{soft:…}` need training", where=where)
        for read in pattern.tasks:
            if read not in readable:
                problems.add(
                    f"`{{task:{read}}}` names no task before this one",
                    where=where,
                    hint=f"those that may be read: {', '.join(readable) or 'none'}",
                )
        for field in pattern.fields:
            if field not in task.fields:
                problems.add(
                    f"there is no field `{field}`", where=where, hint=f"the fields are {names}"
                )
    problems.raise_if_any()
