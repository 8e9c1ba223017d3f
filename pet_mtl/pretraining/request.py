"""What a pre-training run is asked for, in a form that is stored with it."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from pet_mtl.data.sources import find_files
from pet_mtl.errors import ProblemList
from pet_mtl.paths import user_path
from pet_mtl.pretraining.recipe import Recipe, TakenShape
from pet_mtl.pretraining.settings import Masking, PretrainSettings
from pet_mtl.pretraining.teacher_settings import TeacherSettings
from pet_mtl.resources import bundled_backbone, model_folder


class PretrainRequest(BaseModel):
    """The options of `pet-mtl pretrain`.

    Attributes:
        model: the model to go on from; None with a recipe, or for the pattern file's own.
        tokenizer: another vocabulary for the model: a tokenizer's folder.
        teacher: a larger model to learn from.
        from_layers: the layers that the model keeps; None: all.
        recipe: the new model to begin; None with a model.
        corpus: files and globs.
        text_key: where json lines and parquet hold their text.
        patterns: pattern file of the suite whose text or prompts are used.
        data_root: where the suite's relative data paths start.
        task_text: train on the suite's own texts.
        masking: the strategy.
        scorer: checkpoint that says which pieces matter, for selective masking.
        settings: of the training.
        cache: folder for tokenised corpora; None: `OUT/cache`.
        base: where relative paths start; None, as earlier versions have it: the working directory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    tokenizer: str | None = None
    teacher: str | None = None
    from_layers: tuple[int, ...] | None = None
    recipe: Recipe | None = None
    corpus: tuple[str, ...] = ()
    text_key: str = "text"
    patterns: Path | None = None
    data_root: Path | None = None
    task_text: bool = False
    masking: Masking = "random"
    scorer: Path | None = None
    settings: PretrainSettings = PretrainSettings()
    cache: Path | None = None
    base: Path | None = None

    @property
    def start(self) -> str | None:
        """The model to go on from: the one that is named, or the teacher whose layers are kept."""
        if self.model is None and self.recipe is None and self.from_layers is not None:
            return self.teacher
        return self.model

    def from_here(self) -> Self:
        """Return the request with paths that mean the same from the working directory. Where the
        folder of old is gone, they stand as they are: the project may have moved as a whole.

        Raises:
            PetMtlError: a file of the corpus is missing.
        """
        here, base = Path.cwd(), self.base
        if base is None or base == here:
            return self
        changes: dict[str, Any] = {"base": here}
        if not base.is_dir():
            return self.model_copy(update=changes)
        files = [file for source in self.corpus for file in find_files(source, base)]
        changes["corpus"] = tuple(map(str, files))
        for name in ("model", "tokenizer", "teacher"):
            model = getattr(self, name)
            folder = None if model is None or bundled_backbone(model) else model_folder(model, base)
            if folder is not None:
                changes[name] = str(folder)
        for name in ("patterns", "data_root", "scorer", "cache"):
            path = getattr(self, name)
            if path is not None:
                changes[name] = base / user_path(path)
        return self.model_copy(update=changes)

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            PetMtlError: with every problem.
        """
        problems = ProblemList()
        needs_suite = self.task_text or self.masking == "pattern"
        if self.model is not None and self.recipe is not None:
            problems.add(
                "a model to go on from and a recipe for a new one",
                where="--model, --from-scratch",
            )
        if self.start is None and self.recipe is None and self.patterns is None:
            problems.add(
                "there is no model",
                hint="give `--model M` to go on from, or `--from-scratch RECIPE.yaml`",
            )
        if self.tokenizer is not None and self.recipe is not None:
            problems.add(
                "gives the model that is gone on from another vocabulary, and there is none",
                where=f"--tokenizer {self.tokenizer}",
                hint="name it in the recipe: vocabulary: {tokenizer: FOLDER}",
            )
        if self.teacher is None and self.settings.teacher != TeacherSettings():
            problems.add(
                "there is no teacher to learn from",
                where="-s teacher.…",
                hint="name one: `--teacher MODEL`",
            )
        taken = self.recipe is not None and isinstance(self.recipe.model, TakenShape)
        if taken and self.teacher is None:
            problems.add(
                "needs a model whose layers are taken",
                where="model.from_layers",
                hint="name it: `--teacher MODEL`",
            )
        if needs_suite and self.patterns is None:
            option = "--task-text" if self.task_text else "--masking pattern"
            problems.add("needs a suite", where=option, hint="add `--patterns FILE`")
        if self.patterns is not None and not needs_suite:
            problems.add(
                "a pattern file is given, but nothing is taken from it",
                where=f"--patterns {self.patterns}",
                hint="add `--task-text` or `--masking pattern`",
            )
        if self.masking == "pattern" and (self.corpus or self.task_text):
            problems.add(
                "takes the suite's prompts as its text, and no other",
                where="--masking pattern",
                hint="leave `--corpus` and `--task-text` out, or pre-train twice",
            )
        if self.corpus and self.task_text:
            problems.add(
                "give one of the two",
                where="--corpus, --task-text",
                hint="or pre-train twice: first on FILES",
            )
        if not self.corpus and not needs_suite:
            problems.add(
                "there is no text to train on",
                hint="give `--corpus FILES`, or `--patterns FILE --task-text`",
            )
        if self.masking == "selective" and self.scorer is None:
            problems.add(
                "needs a scorer that says which pieces matter",
                where="--masking selective",
                hint="train one with `pet-mtl train` and add `--scorer OUT/checkpoint`",
            )
        if self.scorer is not None and self.masking != "selective":
            problems.add("only selective masking has a scorer", where=f"--scorer {self.scorer}")
        if self.settings.masking_rate == 0 and self.masking != "pattern":
            problems.add(
                "`masking_rate` 0 leaves nothing to learn",
                hint="only `--masking pattern` can do with 0",
            )
        problems.raise_if_any()
