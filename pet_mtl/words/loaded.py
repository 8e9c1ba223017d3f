"""The model and the suite that the `words` commands name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import check_length
from pet_mtl.model.calibration import Calibration, CalibrationMethod
from pet_mtl.model.hardware import Machine
from pet_mtl.model.methods import capabilities
from pet_mtl.resources import bundled_pattern_file
from pet_mtl.scoring.learned_parts import refuse_learned_parts, without_learned_parts
from pet_mtl.scoring.loaded import valid_calibration, with_data_root, with_verbalizers
from pet_mtl.storage.checkpoint import Checkpoint, is_checkpoint, read_checkpoint
from pet_mtl.storage.pretrained import load_backbone, load_pieces, suite_model
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.words.states import Model


@dataclass(frozen=True)
class Loaded:
    """A model in memory and the tasks whose label words it reads.

    Attributes:
        name: of the model, as the user gave it.
        zero_shot: the model has not been trained on tasks: it is no checkpoint, or one of a model
            as it is.
        calibration: what `score` does to each task's scores; none for a task that is left out.
        from_checkpoint: the suite is the one that a checkpoint stores, not a pattern file's.
        stored: of these, the calibrations that a checkpoint stores for the suite's label words.
    """

    name: str
    suite: Suite
    model: Model
    zero_shot: bool
    calibration: Mapping[str, CalibrationMethod] = field(default_factory=dict)
    stored: Mapping[str, Calibration] = field(default_factory=dict)
    from_checkpoint: bool = False

    def told(self, *, named: bool) -> str:
        """Return in one line which model reads the words, and what follows; `named` says whether
        the user did name it."""
        if self.zero_shot:
            whose = "" if named else ", the pattern file's"
            return (
                f"model: {self.name}{whose}, not trained on tasks: this is about words to train "
                "with; `--model RUN/checkpoint` asks a trained model"
            )
        trained = f"model: {self.name}, trained with its own label words: "
        return trained + (
            "others help only this model; for words to train with, name its backbone by `--model`"
        )


def load(
    patterns: Path | None,
    model: str | None,
    *,
    data_root: Path | None = None,
    verbalizers: Mapping[str, Path] = {},
) -> Loaded:
    """Load a backbone or a checkpoint, and the suite of a pattern file or of the checkpoint.

    Args:
        patterns: None for the checkpoint's suite; for the bundled `default` where the model is
            none.
        model: None for the one that the pattern file names.
        verbalizers: other label words, by task.

    Raises:
        PetMtlError: the pattern file, a verbalizer or the model is not right.
    """
    checkpoint: Checkpoint | None = None
    from_checkpoint = False
    if patterns is None and model is not None and is_checkpoint(Path(model)):
        folder, from_checkpoint = model, True
        checkpoint = read_checkpoint(Path(folder))
        suite = with_data_root(with_verbalizers(checkpoint.suite, verbalizers), data_root)
        methods: dict[str, CalibrationMethod] = {
            name: each.kind for name, each in checkpoint.calibration.items()
        }
        stored = valid_calibration(checkpoint, suite)
    else:
        file = patterns or bundled_pattern_file("default")
        suite = load_suite(file, data_root=data_root, model=model, verbalizers=verbalizers)
        folder = model if model and is_checkpoint(Path(model)) else suite_model(suite)
        if is_checkpoint(Path(folder)):
            checkpoint = read_checkpoint(Path(folder))
        choices = {name: task.calibration for name, task in suite.tasks.items()}
        methods = {
            name: "prior" if choice == "auto" else choice
            for name, choice in choices.items()
            if choice != "none"
        }
        stored = {}
    if not capabilities(suite.method).words_alone or (
        checkpoint is not None and not capabilities(checkpoint.suite.method).words_alone
    ):
        raise PetMtlError(
            "this was trained with another method than `pet`: it scores no label "
            "words, or not by them alone",
            where=folder,
            hint="try label words with a checkpoint of `--method pet`, or with a backbone",
        )
    zero_shot = checkpoint is None or (
        checkpoint.metrics.get("step") == 0 and read_trained_on(Path(folder)) is None
    )
    if checkpoint is None:
        suite = without_learned_parts(suite)
    else:
        for each in (suite, checkpoint.suite):
            refuse_learned_parts(
                each, folder, "try label words with a backbone, or with a checkpoint without them"
            )
    machine = Machine.choose(suite.train.precision, suite.train.attention)
    tokenizer = load_pieces(folder)
    mlm = load_backbone(folder, attention=machine.attention.value)
    check_length(
        mlm, suite.train.max_length, "set `train.max_length: {}` in the file of `--patterns`"
    )
    return Loaded(
        model or suite.model,
        suite,
        Model.of(mlm, tokenizer, machine.for_model(mlm), suite.tasks),
        zero_shot,
        methods,
        stored,
        from_checkpoint,
    )
