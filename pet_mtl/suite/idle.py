"""Settings that are given and do nothing beside others, and parts that nothing would train."""

from collections.abc import Collection

from pet_mtl.errors import ProblemList
from pet_mtl.suite.losses import FactorSettings
from pet_mtl.suite.method import ClnMethod, HeadsMethod, PetMethod
from pet_mtl.suite.pattern import LABEL_NAME, parse_pattern
from pet_mtl.suite.settings import MEAN_OF_ONE, SamplingSettings, TrainSettings
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.suite.task_values import FITTED, NONE_FITTED

_OF_WORDS = ("aggregation", "slots", "verbalizer_kind", "pattern_weights")  # and their patterns


def refuse_untrained(suite: Suite, taught: Collection[str]) -> None:
    """Refuse tasks whose words become scores by weights of their own where neither labels nor
    teachers would train these.

    Args:
        taught: tasks that have teachers.

    Raises:
        PetMtlError: a loss term leaves nothing of the label loss; all tasks have the weight 0, or
            one with parts that nothing else trains.
    """
    problems, weights = ProblemList(), suite.train.weighting
    given = weights if isinstance(weights, dict) else {}
    counted = {name for name in suite.tasks if given.get(name, 1.0)}
    if not counted:
        problems.add(
            "`train.weighting` gives the weight 0 to all tasks: nothing would be learned",
            where=suite.source,
            hint="raise one of them, or choose other tasks with `--tasks`",
        )
    trained = _learned_through(suite, counted) if counted else suite.tasks.keys()
    for name in [name for name in suite.tasks if name not in trained]:
        for part in _own_parts(suite, suite.tasks[name]):
            problems.add(
                f"{part} of `{name}` learns from the losses of its rows alone, to which "
                "`train.weighting` gives the weight 0",
                where=suite.source,
                hint="raise the weight, or leave one of the two out",
            )
    for name, beside in _without_labels(suite).items():
        for part in suite.tasks[name].learned_scores if name not in taught else ():
            problems.add(
                f"`{part}` of `{name}` learns from the label loss, which counts nothing beside "
                f"`{beside}`",
                where=suite.source,
                hint="let it count (of adapet: `labels: 0.5`), or leave one of the two out",
            )
    problems.raise_if_any()


def _learned_through(suite: Suite, counted: Collection[str]) -> set[str]:
    """Return the tasks that count, and those that learn through what these read (`detach:
    false`)."""
    found, open_ = set(counted), list(counted)
    while open_:
        task = suite.tasks[open_.pop()]
        for read in () if task.detach else task.reads:
            if read not in found:
                found.add(read)
                open_.append(read)
    return found


def _own_parts(suite: Suite, task: TaskSpec) -> list[str]:
    """Return what of a task no other task's rows train."""
    if isinstance(suite.method, HeadsMethod):
        return ["the classifier"]
    soft = any(parse_pattern(pattern).soft_pieces for pattern in task.patterns)
    return [f"`{part}`" for part in (*(["{soft:…}"] if soft else []), *task.learned_scores)]


def _without_labels(suite: Suite, taught: Collection[str] = ()) -> dict[str, str]:
    """Return the tasks whose label loss counts nothing, each with the setting that takes it away;
    `taught` have teachers, who may do so too."""
    train, found = suite.train, dict[str, str]()
    for name, task in suite.tasks.items():
        term = train.losses.without_labels(task.kind_spec)
        if term is not None:
            found[name] = f"train.losses.{term}"
        elif name in taught and train.label_share == 0:
            found[name] = "train.label_share: 0"
    return found


def _of_label_loss(suite: Suite, taught: Collection[str], of_label: Collection[str]) -> list[str]:
    """Return a line for each setting of a label loss that counts nothing; tasks `of_label` have one
    label a row."""
    train, losses, beside = suite.train, suite.train.losses, _without_labels(suite, taught)
    given: dict[str, Collection[str]] = {}
    if train.label_smoothing:
        given["label_smoothing"] = suite.tasks
    # what teachers say, and two passes, are compared with adjusted scores
    if train.logit_adjustment and losses.r_drop is None and not {*of_label} & {*taught}:
        given["logit_adjustment"] = of_label
    given |= {
        f"losses.{name}": of_label
        for name, own in losses.given.items()
        if isinstance(own, FactorSettings)
    }
    if losses.adapet is not None and losses.adapet.labels:
        given["losses.adapet.labels"] = of_label
    found = []
    for name, tasks in given.items():
        if tasks and all(task in beside for task in tasks):
            why = " and ".join(sorted({f"`{beside[task]}`" for task in tasks}))
            found.append(
                f"`train.{name}` does nothing: it is for the label loss, which counts nothing "
                f"beside {why}"
            )
    return found


def idle_settings(
    suite: Suite,
    *,
    taught: Collection[str],
    alone: bool,
    drops: bool,
    causal: bool = False,
    one_length: Collection[str] = (),
) -> list[str]:
    """Return a line for each setting that is given and changes nothing.

    Args:
        taught: tasks that have teachers.
        alone: whether the settings are this run's own; those of a comparison or a distillation are
            for other runs too.
        drops: whether the backbone has dropout.
        causal: whether it is a causal model.
        one_length: tasks whose label words have the same number of pieces, all of them.
    """
    train, found, losses = suite.train, suite.method.notes(), suite.train.losses
    kinds = {name: task.kind_spec for name, task in suite.tasks.items()}
    of_label = {name for name, kind in kinds.items() if kind.facts.target == "label"}
    found += _of_label_loss(suite, taught, of_label)
    rate = suite.method.learning_rate if isinstance(suite.method, PetMethod) else None
    if rate is not None and not any(task.learned_parts for task in suite.tasks.values()):
        found.append(
            "`method.learning_rate` does nothing: no task has learned pieces, verbalizers or "
            "weights of patterns (`train.learning_rate` is the model's)"
        )
    r_drop, drops = losses.r_drop, drops or getattr(suite.method, "dropout", 0.0) > 0
    if r_drop is not None and r_drop.alpha and not drops:
        found.append(
            "`train.losses.r_drop` reads every row twice and changes nothing without dropout: both "
            "passes agree (`train.dropout: 0.1`)"
        )
    for name, own in losses.given.items():
        found += [
            f"`train.losses.{name}.{key}` does nothing beside `train.losses.{name}.{other}: "
            f"{getattr(own, other)}`"
            for key, other in own.idle.items()
        ]
    if not alone:
        return found
    idle = [
        f"losses.{name}"
        for name, own in losses.given.items()
        if not any(map(own.acts_on, kinds.values()))
    ]
    idle += ["logit_adjustment"] if train.logit_adjustment and not of_label else []
    why = "labels of several levels are not one" if of_label else "no task has one label a row"
    found += [f"`train.{name}` does nothing: {why}" for name in idle]
    found += _of_method(suite, causal, one_length)
    found += [
        f"`tasks.{name}.data.unlabelled` does nothing in this run: no teacher, loss term or "
        "calibration reads these rows"
        for name, task in suite.tasks.items()
        if task.data.unlabelled and name not in taught and not _reads_unlabelled(suite, task)
    ]
    found += [
        f"`tasks.{name}.threshold` does nothing beside `thresholds`"
        for name, task in suite.tasks.items()
        if task.thresholds is not None and task.threshold not in ("auto", FITTED, NONE_FITTED)
    ]
    if len(suite.tasks) == 1:
        idle = [] if train.surgery == "none" else ["train.surgery"]
        idle += ["train.weighting"] if train.weighting in MEAN_OF_ONE else []
        idle += [] if suite.sampling == SamplingSettings() else ["sampling.temperature"]
        idle += [] if losses.task_discriminator is None else ["train.losses.task_discriminator"]
        idle += ["method.adversarial"] if getattr(suite.method, "adversarial", 0.0) else []
        idle += ["method.sharing"] if getattr(suite.method, "sharing", "") == "soft" else []
        found += [f"`{name}` does nothing with one task" for name in idle]
    if not taught and train.label_share != TrainSettings().label_share:
        found.append("`train.label_share` does nothing without teachers")
    if (
        train.label_share == 1
        and taught
        and not any(suite.tasks[name].data.unlabelled for name in taught)
    ):
        found.append(
            "`train.label_share: 1` leaves teachers without effect: their tasks have no unlabelled "
            "rows"
        )
    return found


def _reads_unlabelled(suite: Suite, task: TaskSpec) -> bool:
    """Tell whether something beside teachers reads the unlabelled rows of a task."""
    fitted = ("prior",) if task.data.dev is None else ("prior", "auto")
    calibrates = task.kind_spec.facts.calibrates and task.calibration in fitted
    dropped = task.verbalizer_kind.name == "weighted"  # what `knowledgeable` has become by now
    return calibrates or dropped or suite.train.losses.reads_unlabelled is not None


def _of_method(suite: Suite, causal: bool, one_length: Collection[str]) -> list[str]:
    """Return a line for each setting of label words, patterns or prefixes that the method does not
    read."""
    found, tasks = [], suite.tasks
    if isinstance(suite.method, HeadsMethod):
        found += [
            f"`tasks.{name}.{key}` does nothing with `method: heads`, which reads no label words"
            for name, task in tasks.items()
            for key in _OF_WORDS
            if getattr(task, key) != TaskSpec.model_fields[key].default
        ]
    else:
        found += [
            f"`tasks.{name}.pattern_weights` does nothing with one pattern"
            for name, task in tasks.items()
            if task.pattern_weights != "equal" and len(task.patterns) == 1
        ]
        found += [
            f"`tasks.{name}.slots` does nothing beside `verbalizer_kind: "
            f"{task.verbalizer_kind.name}`, which reads one prompt"
            for name, task in tasks.items()
            if task.slots not in ("exact", task.word_slots)
        ]
        found += [
            f"`tasks.{name}.slots` does nothing with a causal model, which reads the words of all "
            "lengths at once"
            for name, task in tasks.items()
            if causal and task.slots == task.word_slots != "exact"
        ]
        found += [
            f"`tasks.{name}.slots` does nothing where all label words have one length"
            for name, task in tasks.items()
            if not causal and name in one_length and task.slots == task.word_slots != "exact"
        ]
        found += [
            f"`tasks.{name}.aggregation` does nothing where each label has one word"
            for name, task in tasks.items()
            if task.aggregation != "mean" and all(len(words) == 1 for words in task.readings.words)
        ]
        found += [
            f"`tasks.{name}.question` does nothing: each pattern holds `{{{LABEL_NAME}}}`"
            for name, task in tasks.items()
            if task.question != TaskSpec.model_fields["question"].default
            and all(LABEL_NAME in parse_pattern(pattern).fields for pattern in task.patterns)
        ]
    own_prefix = isinstance(suite.method, ClnMethod) and suite.method.prefix
    if own_prefix and not any(task.prefix for task in tasks.values()):
        found.append("`method.prefix` does nothing: no task has a prefix")
    return found


def idle_in_length(train: TrainSettings, *, epochs: int, evaluations: int) -> list[str]:
    """Return a line for each setting that needs a longer run.

    Args:
        epochs: of the run, a broken one counted.
        evaluations: of the run; 0 without dev rows.
    """
    found, patience = [], train.early_stop
    if train.weighting == "dwa" and epochs < 3:
        found.append(
            "`train.weighting: dwa` does nothing: its weights begin with the third epoch, which "
            "this run does not reach"
        )
    if isinstance(patience, int) and not evaluations:
        found.append("`train.early_stop` does nothing without dev rows")
    elif isinstance(patience, int) and evaluations < patience + 2:  # the last ends the run anyway
        found.append(
            f"`train.early_stop: {patience}` does nothing: the run has too few evaluations for it, "
            f"{evaluations} (`train.evaluate_every` makes more)"
        )
    return found
