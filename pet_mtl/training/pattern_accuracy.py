"""`pattern_weights: accuracy`: a pattern counts by its accuracy before training (PET, Schick and
Schütze 2021)."""

from pet_mtl.cloze.encode import encode_forms
from pet_mtl.console import say
from pet_mtl.kinds import kind_of
from pet_mtl.model.methods import capabilities
from pet_mtl.scoring.calibration.prior import fitting_rows
from pet_mtl.scoring.loaded import build_model, compile_suite
from pet_mtl.scoring.log_probs import FloatArray, score_prompts
from pet_mtl.suite.suite import Suite
from pet_mtl.training.given import Given


def weigh_patterns(suite: Suite, given: Given) -> Suite:
    """Return the suite with numbers where a task says `accuracy`, measured on training rows of the
    sample's size; a method without patterns has none to weigh."""
    names = [name for name, task in suite.tasks.items() if task.pattern_weights == "accuracy"]
    if not names or not capabilities(suite.method).has_patterns:
        return suite
    rows = {name: fitting_rows(given.data[name].train, suite.train.seed) for name in names}
    tokenizer, machine = given.tokenizer, given.machine
    compiled = compile_suite(suite, tokenizer)
    prompts = encode_forms(compiled.forms, rows, tokenizer, suite.train.max_length)
    by_pattern: dict[str, FloatArray] = {}
    model = build_model(given.mlm, compiled, suite, machine)
    score_prompts(
        model, prompts, machine, tokenizer, title="weighing patterns", by_pattern=by_pattern
    )
    tasks = dict(suite.tasks)
    for name in names:
        kind = kind_of(tasks[name])
        right = kind.right(rows[name].gold, kind.decide(by_pattern[name])).mean(-1)  # [patterns]
        weights = tuple(right.round(6).tolist()) if right.any() else (1.0,) * len(right)
        say(
            f"{name}: pattern weights {', '.join(f'{weight:.3f}' for weight in weights)}, by "
            "accuracy before training"
        )
        tasks[name] = tasks[name].model_copy(update={"pattern_weights": weights})
    return suite.model_copy(update={"tasks": tasks})
