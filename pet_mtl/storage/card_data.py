"""The metadata of a model card: YAML that the Hugging Face hub understands, every text in it
quoted."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pet_mtl.hub_names import HUB_NAME
from pet_mtl.resources import bundled_backbone
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import one_line

# figure of a score → the hub's name of the metric, and what is said of it
_METRICS = {
    "macro_f1": ("f1", "macro"),
    "micro_f1": ("f1", "micro"),
    "accuracy": ("accuracy", None),
    "exact_match": ("exact_match", None),
    "pearson": ("pearsonr", None),
    "spearman": ("spearmanr", None),
    "mae": ("mae", None),
    "rmse": ("rmse", None),
}
_DATASET = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
)


def metadata(suite: Suite, scores: Mapping[str, Mapping[str, Any]], license: str | None) -> str:
    """Return the front matter, between its marks."""
    return "\n".join(["---", *_lines(suite, scores, license), "---", ""])


def _lines(
    suite: Suite, scores: Mapping[str, Mapping[str, Any]], license: str | None
) -> Iterator[str]:
    if license is not None:
        yield f"license: {quoted(license)}"
    yield from _list("language", languages(suite))
    yield "library_name: pet_mtl"
    yield "pipeline_tag: text-classification"
    if hub_name(suite.model):
        yield f"base_model: {quoted(suite.model)}"
    named = [dataset_of(source) for task in suite.tasks.values() for source in _sources(task)]
    yield from _list("datasets", dict.fromkeys(name for name in named if name is not None))
    tags = ["pet_mtl", "cloze", "prompt", "verbalizer"]
    yield from _list("tags", tags + ["multi-task"] * (len(suite.tasks) > 1))
    figures = [name for of_task in scores.values() for name in of_task if name in _METRICS]
    yield from _list("metrics", dict.fromkeys(_METRICS[name][0] for name in figures))
    known = {name: of_task for name, of_task in scores.items() if name in suite.tasks}
    if not known:
        return
    yield "model-index:"
    yield f"- name: {quoted(suite.name)}"
    yield "  results:"
    for name, of_task in known.items():
        yield from _result(suite.tasks[name], of_task)


def _result(task: TaskSpec, figures: Mapping[str, Any]) -> Iterator[str]:
    dev = task.data.dev if isinstance(task.data.dev, tuple) else task.data.train
    hub = next((name for source in dev if (name := dataset_of(source)) is not None), None)
    shown = ", ".join(map(shown_source, dev))
    if dev is task.data.train:
        shown += ", held out"
    yield "  - task:"
    yield "      type: text-classification"
    yield f"      name: {quoted(task.name)}"
    yield "    dataset:"
    yield f"      type: {quoted(hub or task.name)}"
    yield f"      name: {quoted(shown)}"
    yield '      split: "dev"'
    yield "    metrics:"
    for figure, value in figures.items():
        if figure not in _METRICS:
            continue
        metric, average = _METRICS[figure]
        yield f"    - type: {metric}"
        yield f"      value: {json.dumps(round(float(value), 6))}"
        yield f"      name: {quoted(figure)}"
        if average is not None:
            yield "      args:"
            yield f"        average: {average}"


def _list(key: str, values: Any) -> Iterator[str]:
    listed = list(values)
    if listed:
        yield f"{key}:"
        yield from (f"- {quoted(value)}" for value in listed)


def _sources(task: TaskSpec) -> tuple[str, ...]:
    dev = task.data.dev if isinstance(task.data.dev, tuple) else ()
    return (*task.data.train, *dev)


def languages(suite: Suite) -> list[str]:
    """Return the languages that the script of patterns and label words shows; none of Latin
    ones."""
    found = set()
    for task in suite.tasks.values():
        words = (word for of_label in task.verbalizer.words for word in of_label)
        text = "".join((task.prefix, *task.patterns, *words))
        found.update([next((name for name, script in _SCRIPTS if script.search(text)), "")])
    return sorted(found - {""})


def hub_name(model: str) -> bool:
    """Say whether a backbone's name is that of a repository; a folder's is absolute in a
    checkpoint."""
    return bool(HUB_NAME.fullmatch(model)) and bundled_backbone(model) is None


def dataset_of(source: str) -> str | None:
    """Return the hub's data set that a source names.

    >>> dataset_of("hub:clue/clue@v1:tnews/train"), dataset_of("hub:/home/me/data:train")
    ('clue/clue', None)
    """
    if not source.startswith("hub:"):
        return None
    name = source.removeprefix("hub:").partition(":")[0].partition("@")[0]
    return name if _DATASET.fullmatch(name) else None


def shown_source(source: str) -> str:
    """Return a source without the folders of the machine.

    >>> shown_source("/home/me/news/train-*.csv"), shown_source("sample:tnews/train")
    ('train-*.csv', 'sample:tnews/train')
    """
    if source.startswith("sample:") or dataset_of(source) is not None:
        return source
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1] or "a folder"


def quoted(text: str) -> str:
    r"""Return a text as a quoted scalar of YAML, on one line, control characters and invisible
    marks shown as escapes.

    >>> print(quoted('a"b\n\x1b'))
    "a\"b\\n\\x1b"
    """
    plain = json.dumps(one_line(text).replace("\t", " "), ensure_ascii=False)
    return re.sub("[\ufffe\uffff]", "\ufffd", plain)  # which YAML has not
