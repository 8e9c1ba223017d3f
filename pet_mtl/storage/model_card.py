"""The model card of a checkpoint: a `README.md` with the metadata that hubs read.

It is made of the checkpoint's manifest alone, so that it can be made again, and a resumed run
writes the same bytes. What users wrote (labels, words, names of files) is escaped, for YAML and for
Markdown; folders of the machine are left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pet_mtl.metrics.score import Score
from pet_mtl.resources import bundled_backbone
from pet_mtl.storage.card_data import hub_name, metadata, shown_source
from pet_mtl.suite.kind import KINDS
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import SplitSpec, TaskSpec
from pet_mtl.text import counted, markdown_text

CARD = "README.md"
_MOST_LABELS, _MOST_WORDS, _MOST_CHARACTERS = 300, 20, 200
_NO_SCORES = "Nothing was measured: there were no dev rows, or these weights were not scored."


@dataclass(frozen=True)
class CardFacts:
    """What a card says of a run beside its suite.

    Attributes:
        scores: of the dev rows, by task: figures as `score --json` has them.
        overlap: by task, how many dev rows there are (`dev`) and how many of their texts are
            among its training rows (`train`), those of other tasks (`other_tasks`), and what the
            backbone says it was trained on (`backbone`, None where it does not say).
        license: of the backbone, where it is known.
        started_from: digest of the backbone's weights, where it is known.
    """

    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overlap: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    license: str | None = None
    started_from: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


NO_FACTS = CardFacts()


def card_scores(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Return the figures of scores with their intervals, without tables."""
    return {
        task: {
            name: value
            for name, value in score.to_json().items()
            if isinstance(value, int | float) or name.endswith("_ci95")
        }
        for task, score in scores.items()
    }


def model_card(suite: Suite, manifest: Mapping[str, Any]) -> str:
    """Return the text of `README.md`.

    Args:
        suite: of the checkpoint.
        manifest: its `pet_mtl.json`, with the suite or without.
    """
    facts = manifest.get("facts") or {}
    scores, overlap = facts.get("scores") or {}, facts.get("overlap") or {}
    calibrations = manifest.get("calibration") or {}
    trained = (manifest.get("metrics") or {}).get("step") != 0  # 0: the weights are the backbone's
    parts = [
        metadata(suite, scores, facts.get("license")),
        _head(suite, trained),
        *_use(suite),
        "## Tasks\n",
        *(_task(task, calibrations.get(task.name), trained) for task in suite.tasks.values()),
        *_scores(scores),
        *_leaks(suite, overlap),
        *_training(suite, manifest, trained),
        _not_measured(bool(scores)),
    ]
    return "\n".join(parts)


def _head(suite: Suite, trained: bool) -> str:
    count = len(suite.tasks)
    what = "one classification task" if count == 1 else f"{count} classification tasks"
    model = suite.model
    if hub_name(model):
        base = f"`{model}`"
    elif bundled_backbone(model) is not None:
        base = f"`{model}`, which comes with pet_mtl"
    else:
        base = f"a local model, {_shown(Path(model).name)}"
    made = (
        f"It was fine-tuned from {base}\nby pet_mtl, method `{suite.method.name}`."
        if trained
        else f"Its weights are\nthose of {base}; it was not trained on them."
    )
    return (
        f"# {_shown(suite.name)}\n\n"
        f"One masked language model for {what}: each row is written as a cloze, and the "
        f"probabilities\nof label words at the mask are those of the labels. {made}\n"
    )


def _use(suite: Suite) -> Iterator[str]:
    task = next(iter(suite.tasks.values()))
    texts = ['"…"'] * len(task.fields)
    typed = " ".join(texts)
    row = typed if len(texts) == 1 else f"({', '.join(texts)})"
    yield "## How to use it\n"
    yield f"`FOLDER` is this folder. A row of task `{task.name}` has {_fields(task)}.\n"
    yield "```bash\npip install pet-mtl"
    yield f"pet-mtl predict FOLDER --task {task.name} {typed}"
    yield f"pet-mtl predict FOLDER --data {task.name}=rows.csv --out predictions\n```\n"
    yield "```python\nimport pet_mtl\n"
    yield 'model = pet_mtl.load("FOLDER")'
    yield f'model.predict([{row}], task="{task.name}")\n```\n'
    yield "From a hub, fetch the folder first:\n"
    yield "```python\nfrom huggingface_hub import snapshot_download\n"
    yield 'model = pet_mtl.load(snapshot_download("USER/NAME"))\n```\n'


def _fields(task: TaskSpec) -> str:
    names = ", ".join(f"`{name}`" for name in task.fields)
    return f"one text, {names}" if len(task.fields) == 1 else f"{len(task.fields)} texts, {names}"


def _task(task: TaskSpec, calibration: Mapping[str, Any] | None, trained: bool) -> str:
    kind = task.kind if task.kind in KINDS else "classification"
    lines = [f"### {task.name}\n"]
    rows = [
        ("training rows", _sources(task.data.train)),
        ("dev rows", _dev(task)),
        ("soft labels", _sources(task.data.soft_labels)),
    ]
    if task.description:
        lines.append(_shown(task.description) + "\n")
    lines += [
        *_table(
            ("", ""),
            [
                ("kind", f"`{kind}`"),
                ("prefix", _shown(task.prefix) or "none"),
                *(("pattern", _shown(pattern)) for pattern in task.patterns),
                ("words of a label", f"`{task.aggregation}`, `{task.verbalizer_kind.name}`"),
                ("calibration", _calibration(calibration)),
                *(rows if trained else ()),
            ],
        ),
        "",
        *_table(("label", "label words"), _labels(task)),
        "",
    ]
    return "\n".join(lines)


def _labels(task: TaskSpec) -> list[tuple[str, str]]:
    pairs = list(zip(task.verbalizer.labels, task.verbalizer.words, strict=True))
    rows = []
    for label, words in pairs[:_MOST_LABELS]:
        shown = ", ".join(map(_shown, words[:_MOST_WORDS]))
        more = len(words) - _MOST_WORDS
        rows.append((_shown(label), f"{shown} and {more} more" if more > 0 else shown))
    if len(pairs) > _MOST_LABELS:
        rows.append(("…", f"and {len(pairs) - _MOST_LABELS} more labels"))
    return rows


def _calibration(found: Mapping[str, Any] | None) -> str:
    return "none" if not found else f"`{found['kind']}`, fitted on {counted(found['rows'], 'row')}"


def _sources(sources: Sequence[str]) -> str:
    return ", ".join(_shown(shown_source(source)) for source in sources) or "none"


def _dev(task: TaskSpec) -> str:
    dev = task.data.dev
    if dev is None:
        return "none named"
    if isinstance(dev, SplitSpec):
        return f"{dev.split:.4g} of the training rows, held out by text"
    return _sources(dev)


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Scores on dev rows\n"
    if not scores:
        yield _NO_SCORES + "\n"
        return
    rows = []
    for name, of_task in scores.items():
        for figure, value in of_task.items():
            if figure == "examples" or figure.endswith("_ci95"):
                continue
            low, high = of_task.get(f"{figure}_ci95") or (None, None)
            interval = "" if low is None else f"{low:.4f} to {high:.4f}"
            rows.append((name, figure, f"{value:.4f}", interval, f"{of_task['examples']:,}"))
    yield from _table(("task", "figure", "value", "95 % interval", "rows"), rows)
    yield (
        "\nThe best step was chosen on these rows, so the figures flatter the model a little. The "
        "intervals are\nthose of drawing other rows, not of training again.\n"
    )


def _leaks(suite: Suite, overlap: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Leaks\n"
    if not overlap:
        yield "Not checked: there were no dev rows.\n"
        return
    yield (
        "How many dev rows have a text that the model was trained on, compared without case, white "
        "space and\nwidth of characters:\n"
    )
    rows = [
        (
            name,
            f"{found['dev']:,}",
            f"{found['train']:,}",
            f"{found['other_tasks']:,}",
            "it does not say" if found["backbone"] is None else f"{found['backbone']:,}",
        )
        for name, found in overlap.items()
        if name in suite.tasks
    ]
    header = ("task", "dev rows", "in its training rows", "in those of other tasks", "in backbone")
    yield from _table(header, rows)
    yield (
        "\nWhat the backbone read before, beyond the rows that it lists in "
        "`trained_on.safetensors`, is not\nknown. That file of this folder holds hashes of the "
        "training texts, by which `pet-mtl score` warns.\n"
    )


def _training(suite: Suite, manifest: Mapping[str, Any], trained: bool) -> Iterator[str]:
    train, step = suite.train, (manifest.get("metrics") or {}).get("step")
    versions = manifest.get("versions") or {}
    limit = f"{train.max_steps} steps" if train.max_steps else f"{train.epochs:g} epochs"
    rows = {
        "length": limit if trained else "none",
        "weights of the backbone": _started_from(manifest),
        "weights of step": "not one of a run" if step is None else f"{step:,}",
        "learning rate": f"{train.learning_rate:g}",
        "tokens a step": f"{train.batch_tokens:,}",
        "longest prompt": f"{train.max_length} tokens",
        "seed": str(train.seed),
        "versions": ", ".join(f"{_shown(n)} {_shown(v)}" for n, v in versions.items()),
    }
    for name in () if trained else ("learning rate", "tokens a step", "seed"):
        del rows[name]
    yield "## Training\n"
    yield from _table(("", ""), list(rows.items()))
    yield ""


def _started_from(manifest: Mapping[str, Any]) -> str:
    digest = (manifest.get("facts") or {}).get("started_from")
    return "not noted" if digest is None else f"`{_shown(digest)}`"


def _not_measured(scored: bool) -> str:
    rows = "other texts than the dev rows" if scored else "how right it is, on any rows"
    return (
        "## What was not measured\n\n"
        f"- {rows}: other sources, other times, other styles;\n"
        "- other seeds and other training rows: the intervals do not hold their spread;\n"
        "- whether its probabilities can be taken at their word, beyond the calibration named "
        "above;\n"
        "- how it treats groups of people, and texts made to mislead it.\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _shown(text: str) -> str:
    """Return a user's text for Markdown, on one line and not too long."""
    cut = text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"
    return markdown_text(cut)


_LICENSE = re.compile(r"^license:[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9.+_-]{0,63})[\"']?[ \t]*$", re.M)
_LICENSES = {"zh-mini": "apache-2.0", "zh-small": "mit"}


def license_of(model: str, folder: Path) -> str | None:
    """Return the licence that a backbone's card names; None where it does not say."""
    if bundled_backbone(model) is not None:
        return _LICENSES.get(model)
    try:
        with (folder / CARD).open("rb") as stream:
            text = stream.read(1 << 20).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return None
    if not text.startswith("---\n") or (end := text.find("\n---", 4)) < 0:
        return None
    found = _LICENSE.search(text[4:end])
    return found[1] if found else None
