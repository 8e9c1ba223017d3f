"""Settings that are given and do nothing beside others, and parts that nothing would train."""

from collections.abc import Collection

from pet_mtl.errors import ProblemList
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite

_FACTORS = ("focal", "class_weights", "hard_negatives")  # of the label loss
_ONE_LABEL = (*_FACTORS, "adapet", "contrastive")
_BETWEEN_TASKS = ("dwa", "gradnorm")  # weights whose mean over the tasks is 1


def refuse_untrained(suite: Suite, taught: Collection[str]) -> None:
    """Refuse tasks whose words become scores by weights of their own where neither labels nor
    teachers would train these.

    Args:
        taught: tasks that have teachers.

    Raises:
        PetMtlError: a loss term leaves nothing of the label loss.
    """
    problems, term = ProblemList(), suite.train.losses.without_labels
    for name, task in suite.tasks.items():
        if term is None or name in taught or task.kind_spec.facts.target != "label":
            continue
        for part in task.learned_scores:
            problems.add(
                f"`{part}` of `{name}` learns from the label loss, which counts nothing beside "
                f"`train.losses.{term}`",
                where=suite.source,
                hint="let it count (of adapet: `labels: 0.5`), or leave one of the two out",
            )
    problems.raise_if_any()


def idle_settings(suite: Suite, *, taught: bool, alone: bool, drops: bool) -> list[str]:
    """Return a line for each setting that is given and changes nothing.

    Args:
        taught: whether a task learns from teachers too.
        alone: whether the settings are this run's own; those of a comparison or a distillation are
            for other runs too.
        drops: whether the backbone has dropout.
    """
    train, found = suite.train, suite.method.notes()
    of_label = [task.kind_spec.facts.target == "label" for task in suite.tasks.values()]
    if all(of_label) and (term := train.losses.without_labels) is not None:
        given = ["label_smoothing"] if train.label_smoothing else []
        # what teachers say, and two passes, are compared with adjusted scores
        if train.logit_adjustment and not taught and train.losses.r_drop is None:
            given.append("logit_adjustment")
        given += [f"losses.{name}" for name in _FACTORS if getattr(train.losses, name) is not None]
        found += [
            f"`train.{name}` does nothing: it is for the label loss, which counts nothing beside "
            f"`train.losses.{term}`"
            for name in given
        ]
    r_drop, drops = train.losses.r_drop, drops or getattr(suite.method, "dropout", 0.0) > 0
    if r_drop is not None and r_drop.alpha and not drops:
        found.append(
            "`train.losses.r_drop` reads every row twice and changes nothing without dropout: both "
            "passes agree (`train.dropout: 0.1`)"
        )
    for name, own in train.losses.given.items():
        found += [
            f"`train.losses.{name}.{key}` does nothing beside `train.losses.{name}.{other}: "
            f"{getattr(own, other)}`"
            for key, other in own.idle.items()
        ]
    if not alone:
        return found
    if not any(of_label):
        given = [f"losses.{name}" for name in _ONE_LABEL if getattr(train.losses, name) is not None]
        given += ["logit_adjustment"] if train.logit_adjustment else []
        found += [f"`train.{name}` does nothing: no task has one label a row" for name in given]
    if len(suite.tasks) == 1:
        given = [] if train.surgery == "none" else ["surgery"]
        given += ["weighting"] if train.weighting in _BETWEEN_TASKS else []
        given += [] if train.losses.task_discriminator is None else ["losses.task_discriminator"]
        given = [f"train.{name}" for name in given]
        given += ["method.adversarial"] if getattr(suite.method, "adversarial", 0.0) else []
        found += [f"`{name}` does nothing with one task" for name in given]
    if not taught and train.label_share != TrainSettings().label_share:
        found.append("`train.label_share` does nothing without teachers")
    return found
