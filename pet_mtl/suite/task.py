"""One classification task as a cloze: its prefix, patterns, label words, columns and data."""

import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.data_spec import DataSpec as DataSpec
from pet_mtl.suite.data_spec import Names, NonEmpty, SomeNames, Spec
from pet_mtl.suite.data_spec import SplitSpec as SplitSpec
from pet_mtl.suite.kind import (
    KINDS,
    NO_LABEL,
    YES_LABEL,
    KindName,
    KindSpec,
    Levels,
    MetricName,
    numbers,
)
from pet_mtl.suite.label_lines import quoted
from pet_mtl.suite.levels import UpperWords, check_tree, parent_of
from pet_mtl.suite.long_text import UNSTORED, LongText, Pooling, check_pooling
from pet_mtl.suite.pattern import hypothesis, parse_pattern, without_soft
from pet_mtl.suite.row_texts import ID_COLUMN as ID_COLUMN
from pet_mtl.suite.row_texts import LABEL_COLUMN as LABEL_COLUMN
from pet_mtl.suite.row_texts import column_problems, pattern_problems
from pet_mtl.suite.task_values import FITTED, PatternWeights, Range, SlotsValue, Threshold
from pet_mtl.suite.task_values import Slots as Slots
from pet_mtl.suite.validation import found
from pet_mtl.suite.verbalizer import Verbalizer
from pet_mtl.suite.verbalizer_kind import VerbalizerKind


def _default(key: str) -> Any:
    return TaskSpec.model_fields[key].get_default(call_default_factory=True)


CalibrationChoice = Literal["auto", "none", "contextual", "pmi", "prior"]


# keys that say something of some kinds of task only
_OF_KINDS = frozenset(key for facts in KINDS.values() for key in facts.keys)


class TaskSpec(Spec):
    """A task. `columns` maps the fields of the patterns, `label` and perhaps `id` to positions
    (from 0) or names."""

    name: str
    description: str = ""
    prefix: str = ""
    patterns: SomeNames
    verbalizer: Verbalizer
    columns: dict[str, int | str]
    data: DataSpec
    kind: KindName = "classification"
    separator: NonEmpty = ","
    yes: Names = ()
    no: Names = ()
    question: NonEmpty = "对吗？{mask}"
    descriptions: dict[str, NonEmpty] = Field(default_factory=dict)
    threshold: Threshold = "auto"
    thresholds: tuple[Annotated[float, Field(gt=0, lt=1, strict=True)], ...] | None = None
    range: Range = None
    levels: Levels | None = None
    level_separator: NonEmpty = "/"
    above: UpperWords | None = None
    metric: MetricName = "macro_f1"
    aggregation: Literal["mean", "max", "logsumexp"] = "mean"
    slots: SlotsValue = "exact"
    long_text: LongText = "head"
    long_text_pooling: Pooling = "mean"
    calibration: CalibrationChoice = "auto"
    verbalizer_kind: VerbalizerKind = VerbalizerKind()
    pattern_weights: PatternWeights = "equal"
    detach: bool = Field(default=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _metric_of_kind(cls, values: Any) -> Any:
        """Choose by the kind's own metric where none is named."""
        facts = KINDS.get(str(values.get("kind"))) if isinstance(values, dict) else None
        return values if facts is None else {"metric": facts.main, **values}

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        weights, kind = self.pattern_weights, self.verbalizer_kind.name
        if isinstance(weights, tuple) and len(weights) != len(self.patterns):
            raise ValueError(f"{len(self.patterns)} patterns have {len(weights)} `pattern_weights`")
        if kind not in ("manual", "automatic") and self.aggregation != "mean":
            raise ValueError(
                f"`aggregation: {self.aggregation}` is for manual verbalizers, not for `{kind}`"
            )
        check_pooling(self.long_text, self.long_text_pooling)
        self._check_kind()
        self._check_texts()
        if KINDS[self.kind].hypotheses:
            self._check_hypotheses()
        return self

    def _check_texts(self) -> None:
        """Refuse columns and patterns that do not fit: a stored task is not written by us only."""
        labelled = self.data.labelled
        problems = [problem for _, problem in column_problems(self.columns, labelled=labelled)]
        stating = KINDS[self.kind].hypotheses
        for pattern in self.patterns:
            problems += pattern_problems(pattern, self.columns, statements=stating)
        if problems:
            raise PydanticCustomError("row_texts", "{message}", {"message": problems[0].message})

    def _check_kind(self) -> None:
        """Refuse what does not go with the task's kind."""
        facts, labels = KINDS[self.kind], self.verbalizer.labels
        for key in sorted(_OF_KINDS - set(facts.keys)):
            if getattr(self, key) != _default(key):
                kinds = ", ".join(f"`{name}`" for name, of in KINDS.items() if key in of.keys)
                raise ValueError(f"`{key}` is for the kind {kinds}, not for `{self.kind}`")
        if self.metric not in facts.metrics:
            names = ", ".join(f"`{name}`" for name in facts.metrics)
            raise PydanticCustomError(
                "kind_metric",
                "{message}",
                {
                    "message": f"`metric` of the kind `{self.kind}` must be one of {names}, "
                    f"found `{self.metric}`"
                },
            )
        if not facts.calibrates and self.calibration not in ("auto", "none"):
            raise ValueError(f"`calibration: {self.calibration}` is not for `kind: {self.kind}`")
        if self.levels is None and self.level_separator != "/":
            raise ValueError("`level_separator` is for tasks with `levels`")
        lines = bool(self.verbalizer.lines)
        check_tree(labels, self.levels, self.level_separator, self.above, lines=lines)
        facts = self.kind_spec.facts
        if not facts.plain and self.verbalizer_kind.name in ("knowledgeable", "automatic"):
            raise ValueError(
                f"`verbalizer_kind: {self.verbalizer_kind.name}` is not for `{self.told_kind}`"
            )
        if self.kind == "multi_label":
            label_words = {word for words in self.verbalizer.words for word in words}
            if shared := set(self.no) & label_words:
                raise ValueError(f"the word `{min(shared)}` of `no` is a label word too")
            if self.thresholds is not None and len(self.thresholds) != len(labels):
                raise ValueError(f"{len(labels)} labels have {len(self.thresholds)} `thresholds`")
            if self.fits_thresholds and self.thresholds is None and self.data.dev is None:
                raise ValueError(
                    "its thresholds are fitted on dev rows, and `data` names none: add `dev`, "
                    "give `no:` words that stand for none of the labels, or a number as "
                    "`threshold:`"
                )
        if self.kind == "similarity":
            if len(labels) != 2:
                raise ValueError(
                    "a similarity has two labels, the low end and the high end, "
                    f"found {len(labels)}"
                )
            ends = numbers(labels)
            if self.range is None and (ends is None or not -1e9 < ends[0] < ends[1] < 1e9):
                raise ValueError(
                    "name the lowest and the highest target (below 1e9), as `range: [0, 5]`, or "
                    'call the two labels so: verbalizer: {"0": 无关, "5": 相同}'
                )
        if self.kind == "ordered":
            values = numbers(labels)
            if values is not None and list(values) != sorted(set(values)):
                raise ValueError(
                    "the labels of an ordered task must stand in the order of the scale, from the "
                    "lowest to the highest"
                )

    def _check_hypotheses(self) -> None:
        if unknown := [label for label in self.descriptions if label not in self.verbalizer.labels]:
            raise ValueError(f"`descriptions` describes {found(unknown[0])}, which is no label")
        if self.verbalizer_kind.name != "manual":
            raise ValueError(
                f"`verbalizer_kind: {self.verbalizer_kind.name}` is not for `kind: {self.kind}`"
            )
        if any(parse_pattern(pattern).soft_pieces for pattern in self.patterns):
            raise ValueError(f"`{{soft:…}}` is not for `kind: {self.kind}`")
        try:
            question = parse_pattern(self.question)
        except PetMtlError as error:
            raise ValueError(f"`question`: {error.problems[0].message}") from error
        if question.fields or question.tasks or question.soft_pieces:
            raise ValueError("`question` is text with one `{mask}`, without fields")
        if both := set(self.readings.words[0]) & set(self.readings.words[1]):
            raise ValueError(f"the word `{min(both)}` stands in `yes` and in `no`")
        first: dict[str, str] = {}  # by what is said of it
        for label, said in zip(self.verbalizer.labels, self.told, strict=True):
            form = unicodedata.normalize("NFC", said.strip())
            if (twin := first.setdefault(form, label)) != label:
                raise ValueError(
                    f"labels {quoted(twin)} and {quoted(label)} make the same hypothesis, "
                    f"{quoted(said)}; give one another main word, or another of `descriptions`"
                )

    @property
    def told(self) -> tuple[str, ...]:
        """Return what the hypothesis of each label says: its description, else its main word."""
        words = zip(self.verbalizer.labels, self.verbalizer.words, strict=True)
        return tuple(self.descriptions.get(label, of_label[0]) for label, of_label in words)

    @property
    def statements(self) -> "TaskSpec":
        """Return the task with a pattern for each hypothesis: pattern by pattern, label by
        label."""
        patterns = tuple(
            hypothesis(pattern, description, self.question)
            for pattern in self.patterns
            for description in self.told
        )
        return self.model_copy(update={"patterns": patterns})

    @property
    def fits_thresholds(self) -> bool:
        """Whether the thresholds of a set's labels are fitted on dev rows."""
        return self.kind == "multi_label" and (
            self.threshold == FITTED or (self.threshold == "auto" and not self.no)
        )

    def without_fitted_thresholds(self) -> "TaskSpec":
        """Return the task as before its thresholds were fitted, if they are."""
        return self.model_copy(update={"thresholds": None}) if self.fits_thresholds else self

    @model_serializer(mode="wrap")
    def _leave_out_plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of other kinds: what is stored of a plain task stays."""
        rare, dumped = {"kind"} | _OF_KINDS | UNSTORED, dump(self).items()
        return {k: v for k, v in dumped if k not in rare or getattr(self, k) != _default(k)}

    @property
    def kind_spec(self) -> KindSpec:
        """Return the task's kind with all that its maths need."""
        labels = self.verbalizer.labels
        thresholds = self.thresholds or ()
        if not thresholds and isinstance(self.threshold, float):
            thresholds = (self.threshold,) * len(labels)
        values = numbers(labels)
        ends = self.range or ((values[0], values[1]) if values else (0.0, 1.0))
        places = tuple(map(float, range(len(labels))))
        return KindSpec(
            name=self.kind,
            labels=labels,
            no=bool(self.no) and self.kind == "multi_label",
            thresholds=thresholds,
            separator=self.separator,
            range=ends if self.kind == "similarity" else (0.0, 1.0),
            values=(values or places) if self.kind == "ordered" else (),
            levels=self.levels,
            level_separator=self.level_separator,
            above=self.above.labels if self.above else (),
        )

    @property
    def readings(self) -> Verbalizer:
        """Return what the model reads at the slots, a column of scores for each: the labels, and
        behind them what stands for none of them, or above them; of hypotheses, yes and no."""
        words = self.verbalizer
        if KINDS[self.kind].hypotheses:
            return Verbalizer(
                labels=(YES_LABEL, NO_LABEL),
                words=(self.yes or ("对",), self.no or ("错",)),
                source=words.source,
            )
        if self.above:
            lines, labels = (*words.lines, *self.above.lines), self.all_labels
            return Verbalizer(labels=labels, words=self.all_words, source=words.source, lines=lines)
        if not self.no:
            return words
        name = NO_LABEL
        while name in words.labels:
            name = f"({name})"
        return Verbalizer(
            labels=(*words.labels, name),
            words=(*words.words, self.no),
            source=words.source,
            lines=(*words.lines, 0) if words.lines else (),
        )

    @property
    def told_kind(self) -> str:
        """Return how the pattern file says what its label scores mean."""
        return f"levels: {self.levels}" if self.levels else f"kind: {self.kind}"

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Return the labels, and behind them what stands above them."""
        return self.verbalizer.labels + (self.above.labels if self.above else ())

    @property
    def all_words(self) -> tuple[tuple[str, ...], ...]:
        """Return the words of the labels, and behind them those of what stands above."""
        return self.verbalizer.words + (self.above.words if self.above else ())

    @property
    def apart(self) -> tuple[str, ...]:
        """Return the name above each of `readings`, below which alone words are told apart."""
        labels = self.all_labels if self.above else ()
        return tuple(parent_of(label, self.level_separator) for label in labels)

    @property
    def word_slots(self) -> Slots:
        """How label words are read: `slots`, but in one prompt where the verbalizer's kind asks for
        it."""
        return "shared" if self.verbalizer_kind.one_prompt else self.slots

    def weight_of(self, pattern: int) -> float:
        """Return how much a pattern counts in the average."""
        return self.pattern_weights[pattern] if isinstance(self.pattern_weights, tuple) else 1.0

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the tasks whose predictions its patterns read, each once."""
        named = [task for pattern in self.patterns for task in parse_pattern(pattern).tasks]
        return tuple(dict.fromkeys(named))

    @property
    def learned_scores(self) -> tuple[str, ...]:
        """Return, as in the pattern file, what of it turns label words into scores by weights of
        its own."""
        kind, weights = self.verbalizer_kind, self.pattern_weights
        parts = {
            f"verbalizer_kind: {kind.name}": kind.learned,
            f"pattern_weights: {weights}": weights == "learned",
        }
        return tuple(part for part, there in parts.items() if there)

    @property
    def learned_parts(self) -> tuple[str, ...]:
        """Return, as in the pattern file, what only training gives the task."""
        soft = any(parse_pattern(pattern).soft_pieces for pattern in self.patterns)
        kind, weights = self.verbalizer_kind.name, self.pattern_weights
        parts = {
            "{soft:…}": soft,
            f"verbalizer_kind: {kind}": kind != "manual",
            f"pattern_weights: {weights}": weights in ("learned", "accuracy"),
        }
        return tuple(part for part, there in parts.items() if there)

    def without_learned_parts(self) -> "TaskSpec":
        """Return the task with its label words and patterns alone."""
        weights = self.pattern_weights if isinstance(self.pattern_weights, tuple) else "equal"
        plain = {"patterns": tuple(map(without_soft, self.patterns)), "pattern_weights": weights}
        return self.model_copy(update={**plain, "verbalizer_kind": VerbalizerKind()})

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the text columns: all but `label` and `id`."""
        return tuple(name for name in self.columns if name not in (LABEL_COLUMN, ID_COLUMN))
