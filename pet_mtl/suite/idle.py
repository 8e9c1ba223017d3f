"""Settings that are given and do nothing beside others."""

from pet_mtl.suite.settings import TrainSettings
from pet_mtl.suite.suite import Suite

# of rows of one label: what is done to their label loss, and terms that are factors of it
_OF_LABEL_LOSS = ("label_smoothing", "logit_adjustment")
_FACTORS = ("focal", "class_weights", "hard_negatives")
_BETWEEN_TASKS = ("dwa", "gradnorm")  # weights whose mean over the tasks is 1


def idle_settings(suite: Suite, *, taught: bool) -> list[str]:
    """Return a line for each setting that is given and changes nothing.

    Args:
        taught: whether a task learns from teachers too.
    """
    train = suite.train
    found = suite.method.notes()
    one_label = all(task.kind_spec.facts.target == "label" for task in suite.tasks.values())
    if one_label and (term := train.losses.without_labels) is not None:
        given = [name for name in _OF_LABEL_LOSS if getattr(train, name)]
        given += [f"losses.{name}" for name in _FACTORS if getattr(train.losses, name) is not None]
        found += [
            f"`train.{name}` does nothing: it is for the label loss, which counts nothing beside "
            f"`train.losses.{term}`"
            for name in given
        ]
    if len(suite.tasks) == 1:
        given = [] if train.surgery == "none" else ["surgery"]
        given += ["weighting"] if train.weighting in _BETWEEN_TASKS else []
        given += [] if train.losses.task_discriminator is None else ["losses.task_discriminator"]
        found += [f"`train.{name}` does nothing with one task" for name in given]
    if not taught and train.label_share != TrainSettings().label_share:
        found.append("`train.label_share` does nothing without teachers")
    return found
