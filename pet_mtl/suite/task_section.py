"""One task of a pattern file: the rules between its keys, checked where the lines are known, then a
TaskSpec."""

import os
import re
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError, Problem, ProblemList
from pet_mtl.suite.kind import KINDS
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.openprompt_template import is_template, pattern_from_template, patterns_from_file
from pet_mtl.suite.row_texts import column_problems, pattern_problems
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.task_values import FITTED, NONE_FITTED
from pet_mtl.suite.validation import found, validate
from pet_mtl.suite.verbalizer import check_text
from pet_mtl.suite.verbalizer_section import named_file, task_words
from pet_mtl.suite.yaml_file import Document, Key

_STATING = [name for name, facts in KINDS.items() if facts.hypotheses]
# what the file says in another place
_NO_KEYS = {
    "name": "the task's name is its key",
    "above": "words of upper levels stand in the verbalizer, beside those of the labels",
}
TASK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,199}")  # part of names of files: 255 bytes at most
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")  # Windows keeps such names to itself
TEMPLATE_FILE = r"[^{}\n]+\.txt"  # among patterns


def name_problem(name: str) -> Problem | None:
    """Return what is wrong with the name of a task, None where nothing is."""
    if os.name == "nt" and _DEVICE.fullmatch(name):
        hint = f"here it is a device, and a file such as `{name}.txt` would be lost"
        return Problem(f"`{name}` is not a task name", hint=hint)
    if TASK_NAME.fullmatch(name):
        return None
    hint = "use lower-case letters a-z, digits, `_` and `-`, and start with a letter or digit"
    return Problem(
        f"`{name}` is not a task name",
        hint=hint if len(name) <= 200 else "use 200 characters at most",
    )


def build_task(
    name: str, section: Any, document: Document, verbalizer: Path | None, problems: ProblemList
) -> TaskSpec | None:
    """Return the task of a section, or add its problems and return None; `verbalizer` replaces the
    section's own."""
    key: Key = ("tasks", name)
    before = len(problems.problems)
    if wrong := name_problem(name):
        problems.add(wrong.message, where=document.where(key), hint=wrong.hint)
    if not isinstance(section, dict):
        problems.add(
            f"task `{name}` must have keys and values, found {found(section)}",
            where=document.where(key),
        )
        return None
    values = {known: value for known, value in section.items() if known not in _NO_KEYS}
    for unknown, hint in _NO_KEYS.items():
        if unknown in section:
            problems.add(
                f"unknown key `{unknown}`", where=document.where((*key, unknown)), hint=hint
            )
    _check_prefix(values.get("prefix"), document, (*key, "prefix"), problems)
    _check_words_beside(values, document, key, problems)
    before_patterns, templates_fine = len(problems.problems), True
    if "patterns" in values:
        values["patterns"] = _from_templates(
            values["patterns"], document, (*key, "patterns"), problems
        )
        templates_fine = len(problems.problems) == before_patterns
    columns = values.get("columns")
    data = values.get("data")
    named = {name for name, value in data.items() if value} if isinstance(data, dict) else set()
    labelled = "unlabelled" not in named or bool(named & {"train", "dev", "test"})
    columns_fine = "columns" in values and _check_columns(
        columns, document, (*key, "columns"), problems, labelled
    )
    _check_patterns(
        values.get("patterns"),
        columns if columns_fine else None,
        document,
        (*key, "patterns"),
        problems,
        values.get("kind") in _STATING,
    )
    words = task_words(values, verbalizer, document, (*key, "verbalizer"), problems)
    # `row_texts`: what the task itself says of columns and patterns stands above with its line
    done = {"name", "row_texts"} if templates_fine else {"name", "row_texts", "patterns"}
    if not _check_metric(values, document, (*key, "metric"), problems):
        done |= {"metric", "kind_metric"}
    if words is not None:
        values["verbalizer"] = words
    elif "verbalizer" in values or verbalizer is not None:
        done.add("verbalizer")
    if "columns" in values and not columns_fine:
        done.add("columns")
    _keep_thresholds(values, document, key, problems)
    task = validate(TaskSpec, {"name": name, **values}, document, key, problems, frozenset(done))
    return task if len(problems.problems) == before else None


def _keep_thresholds(
    values: dict[str, Any], document: Document, key: Key, problems: ProblemList
) -> None:
    """Have the `thresholds` of a section of sets kept: none are fitted beside them.

    Those of a stored suite may be fitted ones, to be fitted anew: a number as `threshold` tells
    them apart. It is read by nothing else where there are `thresholds`.
    """
    if values.get("kind") != "multi_label" or values.get("thresholds") is None:
        return
    threshold = values.get("threshold", "auto")
    if threshold == FITTED:
        problems.add(
            f"`threshold: {FITTED}` has thresholds fitted, but `thresholds` gives them",
            where=document.where((*key, "threshold")),
            hint="leave one of the two out",
        )
    elif threshold == "auto":
        values["threshold"] = NONE_FITTED


def _check_prefix(prefix: Any, document: Document, key: Key, problems: ProblemList) -> None:
    if isinstance(prefix, str) and re.search(r"[{}]", prefix):
        problems.add(
            f"the prefix `{prefix}` holds a brace",
            where=document.where(key),
            hint="a prefix is plain text; fields and `{mask}` go into `patterns`",
        )


def _check_words_beside(
    values: dict[str, Any], document: Document, key: Key, problems: ProblemList
) -> None:
    """Check `yes`, `no` and `descriptions` for what nobody sees, as label words are checked; other
    types and empty texts are told by the task."""
    for name in ("yes", "no"):
        value = values.get(name)
        words = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for item, word in words:
            if isinstance(word, str) and word:
                where = document.where((*key, name) if item is None else (*key, name, item))
                check_text("word", word, where, problems, f" of `{name}`")
    described = values.get("descriptions")
    for label, text in described.items() if isinstance(described, dict) else ():
        if isinstance(text, str) and text:
            where = document.where((*key, "descriptions", label))
            # a description may be a block of YAML, which holds line ends and tabs
            line = text.replace("\n", " ").replace("\t", " ")
            check_text("description", line, where, problems, f" of {quoted(str(label))}")


def _check_columns(
    columns: Any, document: Document, key: Key, problems: ProblemList, labelled: bool
) -> bool:
    """Check the columns and tell whether they are fine."""
    before = len(problems.problems)
    if not isinstance(columns, dict):
        problems.add(
            f"`{'.'.join(map(str, key))}` must map fields to columns, found {found(columns)}",
            where=document.where(key),
            hint="for example: columns: {title: 1, label: 2}",
        )
        return False
    for name, problem in column_problems(columns, labelled=labelled):
        where = document.where(key if name is None else (*key, name))
        problems.add(problem.message, where=where, hint=problem.hint)
    return len(problems.problems) == before


def _from_templates(patterns: Any, document: Document, key: Key, problems: ProblemList) -> Any:
    """Turn OpenPrompt templates, and `.txt` files of them, into patterns or problems; leave all
    else as it is."""
    if isinstance(patterns, list):
        done = [
            _from_templates(item, document, (*key, index), problems)
            for index, item in enumerate(patterns)
        ]
        return [part for item in done for part in (item if isinstance(item, list) else [item])]
    if not isinstance(patterns, str):
        return patterns
    try:
        if re.fullmatch(TEMPLATE_FILE, patterns):
            return patterns_from_file(named_file(patterns, document, key, "template"))
        return pattern_from_template(patterns) if is_template(patterns) else patterns
    except PetMtlError as error:
        problems.extend(error.at(document.where(key)))
        return []


def _check_patterns(
    patterns: Any,
    columns: dict[str, Any] | None,
    document: Document,
    key: Key,
    problems: ProblemList,
    statements: bool,
) -> None:
    """Check every pattern, and its fields against the columns where these are fine; `{label}` may
    stand in `statements`."""
    items: dict[Key, Any] = {key: patterns}
    if isinstance(patterns, list):
        items = {(*key, index): item for index, item in enumerate(patterns)}
    for place, source in items.items():
        if isinstance(source, str) and source:  # others, and an empty one, are said by the type
            for problem in pattern_problems(source, columns, statements=statements):
                problems.add(problem.message, where=document.where(place), hint=problem.hint)


def _check_metric(
    values: dict[str, Any], document: Document, key: Key, problems: ProblemList
) -> bool:
    """Check that the task's kind has the metric, and tell whether it is fine."""
    facts = KINDS.get(str(values.get("kind", "classification")))
    metric = values.get("metric")
    if facts is None or "metric" not in values or metric in facts.metrics:
        return True
    *others, last = (f"`{name}`" for name in facts.metrics)
    problems.add(
        f"`{'.'.join(map(str, key))}` must be one of {', '.join(others)} or {last}, "
        f"found {found(metric)}",
        where=document.where(key),
    )
    return False
