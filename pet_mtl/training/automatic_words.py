"""`verbalizer_kind: automatic`: label words found before the first step, from the rows that will be
trained on.

The search is that of `words suggest`, from the task's own words on and without training.
"""

from pet_mtl.console import say
from pet_mtl.data.rows import Rows
from pet_mtl.model.methods import capabilities
from pet_mtl.storage.checkpoint import read_checkpoint
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.verbalizer_kind import VerbalizerKind
from pet_mtl.training.given import Given
from pet_mtl.words.state_cache import StateCache
from pet_mtl.words.states import Model, plain_tasks
from pet_mtl.words.suggest.propose import propose
from pet_mtl.words.suggest.rank import MOST, rank
from pet_mtl.words.suggest.search import ROWS, search, some_rows

Words = tuple[tuple[str, ...], ...]


def find_words(suite: Suite, given: Given) -> Suite:
    """Return the suite with other label words where a task is `automatic`, which makes it `manual`;
    a run that goes on keeps its words."""
    names = [name for name, task in suite.tasks.items() if task.verbalizer_kind.name == "automatic"]
    if not names or not capabilities(suite.method).reads_words:
        return suite
    stored = read_checkpoint(given.resumed).suite.tasks if given.resumed else {}
    tasks = dict(suite.tasks)
    for name in names:
        task = suite.tasks[name]
        if name in stored and stored[name].verbalizer.labels == task.verbalizer.labels:
            words, source = stored[name].verbalizer.words, "of the run in the folder"
        else:
            model = Model.of(given.mlm, given.tokenizer, given.machine, plain_tasks(tasks))
            words = search_words(
                model, task, given.data[name].train, suite.train.max_length, suite.train.seed
            )
            source = f"from {len(given.data[name].train):,} training rows"
        shown = "; ".join(
            f"{label} {' '.join(w)}" for label, w in zip(task.verbalizer.labels, words, strict=True)
        )
        say(f"{name}: label words {source}: {shown}")
        verbalizer = task.verbalizer.model_copy(update={"words": words})
        tasks[name] = task.model_copy(
            update={"verbalizer": verbalizer, "verbalizer_kind": VerbalizerKind()}
        )
    return suite.model_copy(update={"tasks": tasks})


def search_words(model: Model, task: TaskSpec, rows: Rows, max_length: int, seed: int) -> Words:
    """Return the label words that the search proposes, all rows being fitted on."""
    rows, kind = some_rows(rows, ROWS, seed), task.verbalizer_kind
    plain, cache = task.without_learned_parts(), StateCache(None, "")
    calibrated = task.calibration != "none"
    found = search(
        model, plain, rows, len(rows), max_length=max_length, calibrated=calibrated, cache=cache
    )
    methods = {
        name: scores for name, scores in found.methods.items() if kind.method in ("all", name)
    }
    ranked = rank(found.judge, found.own, methods, found.groups, MOST)
    proposal = propose(found.judge, found.own, ranked, kind.words)
    return tuple(tuple(found.candidates[word] for word in of_label) for of_label in proposal)
