"""A task as a live `PromptForClassification` of OpenPrompt, and rows scored by it.

OpenPrompt reads all pieces of a label word at one mask; where every word has one piece, and a
label's words are averaged, its scores are ours. Templates are read by our parser and texts by our
tokenizer, so nothing in them is run and no special token is read out of a row.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from pet_mtl.cloze.form import Form, compile_forms
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.shorten import shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.compat.openprompt_import import import_openprompt
from pet_mtl.console import bar, say
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import Kind, kind_of
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.causal import refuse_causal
from pet_mtl.model.methods import capabilities
from pet_mtl.model.task_model import ParameterCounts
from pet_mtl.scoring.loaded import LoadedCheckpoint, LoadedModel, require_task
from pet_mtl.scoring.log_probs import FloatArray
from pet_mtl.scoring.processes import ALONE, Processes
from pet_mtl.suite.openprompt_template import PLACEHOLDERS, parse_template, template_from_pattern
from pet_mtl.suite.task import TaskSpec

_FIELDS = {"placeholder", "meta"}  # what a row's texts are called in a template
BATCH_ROWS = 16  # OpenPrompt computes the logits of all tokens over the whole vocabulary


class PromptTokenizer:
    """A tokenizer as OpenPrompt calls it, over ours; transformers 5 has no
    `build_inputs_with_special_tokens`."""

    def __init__(self, pieces: PieceTokenizer) -> None:
        self.pieces = pieces
        self.mask_token = _Mask(pieces.tokenizer.mask_token)

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the pieces of a part of a prompt; `[MASK]` in a row stays text."""
        if isinstance(text, _Mask):
            return [self.pieces.mask_id]
        body = text if isinstance(text, _Bare) else text.removeprefix(" ")
        ids = self.pieces.encode([body], space_before=body != text)[0]
        return self.build_inputs_with_special_tokens(ids) if add_special_tokens else ids

    def build_inputs_with_special_tokens(self, ids: Sequence[int]) -> list[int]:
        return [*self.pieces.start_ids, *ids, *self.pieces.end_ids]

    def get_special_tokens_mask(self, ids: Sequence[int]) -> list[int]:
        return [1] * len(self.pieces.start_ids) + [0] * len(ids) + [1] * len(self.pieces.end_ids)

    def num_special_tokens_to_add(self) -> int:
        return len(self.pieces.start_ids) + len(self.pieces.end_ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pieces.tokenizer, name)


class _Mask(str):
    """The mask of a template, told from the same letters in a row."""


class _Bare(str):
    """A row's text that no space stands before: what it begins with is its own."""


@cache
def _classes() -> tuple[Any, Any]:
    """Return OpenPrompt's template and tokenizer wrapper with the parts of ours that make them safe
    and equal."""
    import_openprompt()
    from openprompt.plms.mlm import MLMTokenizerWrapper
    from openprompt.prompts import ManualTemplate

    class Template(ManualTemplate):  # type: ignore[misc]
        _text: Any

        def parse_text(self, text: str) -> list[dict[str, Any]]:
            """Parse without `eval`."""
            return parse_template(text)

        def safe_on_text_set(self) -> None:
            """Parse a new text; OpenPrompt's own would take the next text unparsed once one was
            refused."""
            self._text: Any = self.parse_text(self._text)

        def incorporate_text_example(self, example: Any) -> list[str]:
            return [
                _Bare(text) if _FIELDS & part.keys() and not part["add_prefix_space"] else text
                for part, text in zip(
                    self.text, super().incorporate_text_example(example), strict=True
                )
            ]

    class Wrapper(MLMTokenizerWrapper):  # type: ignore[misc]
        special_tokens_maps: Mapping[str, str] = {}  # `<mask>` as a row's text is text

        def tokenize_one_example(
            self, wrapped_example: Any, teacher_forcing: bool
        ) -> dict[str, list[int]]:
            for part in wrapped_example[0]:
                if part["loss_ids"]:
                    part["text"] = self.tokenizer.mask_token
            done: dict[str, list[int]] = super().tokenize_one_example(
                wrapped_example, teacher_forcing
            )
            return done

        def truncate(
            self, encoder_inputs: dict[str, list[list[int]]]
        ) -> dict[str, list[list[int]]]:
            """Cut the longest field first, as `encode_suite` does."""
            cut = [
                number
                for number, part in enumerate(encoder_inputs["shortenable_ids"])
                if part and part[0]
            ]
            lengths = {number: len(encoder_inputs["input_ids"][number]) for number in cut}
            total = sum(map(len, encoder_inputs["input_ids"])) + self.num_special_tokens_to_add
            room = self.max_seq_length - total + sum(lengths.values())
            if cut:
                most = [np.array([min(length, self.max_seq_length)]) for length in lengths.values()]
                for number, keep in zip(cut, shorten(most, room), strict=True):
                    for parts in encoder_inputs.values():
                        parts[number] = parts[number][: int(keep[0])]
            return encoder_inputs

    return Template, Wrapper


@dataclass(frozen=True)
class LivePrompt:
    """One pattern of a task in OpenPrompt.

    Attributes:
        model: a `PromptForClassification`, with its `template`, `verbalizer` and `plm`.
        tokenizer: for OpenPrompt's `PromptDataLoader`.
        wrapper_class: its `tokenizer_wrapper_class`.
        max_length: its `max_seq_length`, in tokens.
    """

    model: Any
    tokenizer: PromptTokenizer
    wrapper_class: Any
    max_length: int

    def examples(self, rows: Rows) -> list[Any]:
        """Return rows as `InputExample`s: `text_a`, `text_b`, the other fields in `meta`; label
        numbers where known."""
        from openprompt.data_utils import InputExample

        done = []
        for number in range(len(rows)):
            text = rows.text(number)
            placeholders = {name: text.pop(name) for name in PLACEHOLDERS if name in text}
            label = int(rows.labels[number])
            done.append(InputExample(**placeholders, meta=text, label=None if label < 0 else label))
        return done

    def batch(self, examples: Sequence[Any]) -> Any:
        """Return examples as one batch for the model."""
        from openprompt.data_utils import InputFeatures

        wrapper = self.wrapper_class(max_seq_length=self.max_length, tokenizer=self.tokenizer)
        features = []
        for example in examples:
            wrapped = self.model.template.wrap_one_example(example)
            features.append(
                InputFeatures(
                    **wrapper.tokenize_one_example(wrapped, False), **wrapped[1]
                ).to_tensor()
            )
        return InputFeatures.collate_fct(features)


def live_prompt(loaded: LoadedModel, task: str, pattern: int = 0) -> LivePrompt:
    """Return one pattern of a task as a live `PromptForClassification` over the loaded model.

    Raises:
        PetMtlError: OpenPrompt is not installed, no such task or pattern, or a method without label
            words.
    """
    spec = require_task(loaded.suite, task, "openprompt")
    if not 0 <= pattern < len(spec.patterns):
        raise PetMtlError(
            f"task `{task}` has no pattern {pattern}", hint=f"0 to {len(spec.patterns) - 1}"
        )
    compiled = compile_forms(spec, loaded.tokenizer, loaded.suite.train.max_length)
    return _live_prompt(loaded, spec, compiled.forms[pattern])


def _live_prompt(loaded: LoadedModel, task: TaskSpec, form: Form) -> LivePrompt:
    if not capabilities(loaded.suite.method).words_alone:
        raise PetMtlError(
            f"OpenPrompt cannot score a model of method `{loaded.suite.method.name}`",
            hint=(
                "it knows only what the MLM head reads at the mask; give a checkpoint of method "
                "`pet`"
            ),
        )
    refuse_causal(loaded.mlm, "OpenPrompt beside us", "score it without `--engine openprompt`")
    if not task.kind_spec.facts.plain:
        raise PetMtlError(
            f"OpenPrompt knows nothing of `{task.told_kind}` of task `{task.name}`",
            hint="it chooses one label by its words; score the task without `--engine openprompt`",
        )
    openprompt = import_openprompt()
    template_class, wrapper_class = _classes()
    tokenizer = PromptTokenizer(loaded.tokenizer)
    text = template_from_pattern(
        task.patterns[form.pattern], task.prefix, space_before=loaded.tokenizer.marks_start
    )
    slot = next(part for part in parse_template(text) if "mask" in part)
    space = slot["add_prefix_space"]
    verbalizer = openprompt.prompts.ManualVerbalizer(
        tokenizer=tokenizer,
        classes=list(task.verbalizer.labels),
        # "Sport sport": one word to the tokenizer
        label_words=[
            list({tuple(tokenizer.encode(space + word)): word for word in words}.values())
            for words in task.verbalizer.words
        ],
        prefix=space,
        multi_token_handler="mean",
        # a constant for each row, but for words below 1e-15, which it would make equal
        post_log_softmax=False,
    )
    model = openprompt.PromptForClassification(
        loaded.mlm, template_class(tokenizer=tokenizer, text=text), verbalizer, plm_eval_mode=False
    )
    model.to(loaded.machine.device).eval()
    return LivePrompt(model, tokenizer, wrapper_class, loaded.suite.train.max_length)


def differences(task: TaskSpec, label_words: LabelWords) -> list[str]:
    """Return what OpenPrompt does otherwise than we, so that its scores of a task are not ours."""
    found = []
    words = label_words.pieces
    long = sum(len(word) > 1 for word in words)
    if long:
        found.append(
            f"{long} of {len(words)} label words have several pieces, which it reads at one mask"
        )
    if task.learned_parts:
        found.append(f"it knows nothing of {', '.join(task.learned_parts)}")
    if task.aggregation != "mean" and len(words) > label_words.num_labels:
        found.append(
            "it averages the words of a label, where the task has `aggregation: "
            f"{task.aggregation}`"
        )
    if task.long_text != "head":
        found.append(
            f"it reads the head of a text that is too long, not `long_text: {task.long_text}`"
        )
    return found


class _OpenPromptScores(LoadedModel):
    """Score with OpenPrompt what a loaded model scores; how its scores differ is said once."""

    _said: frozenset[str] = frozenset()

    @torch.inference_mode()
    def raw_log_probs(
        self,
        rows: Mapping[str, Rows],
        *,
        throughput: Throughput | None = None,
        title: str = "calibrating",
        by_pattern: dict[str, FloatArray] | None = None,
        processes: Processes = ALONE,
    ) -> dict[str, FloatArray]:
        """Return the label log-probabilities `[rows, K]` of each task's rows, in their order,
        without calibration."""
        if processes.count > 1:
            raise PetMtlError(
                "OpenPrompt scores in one process",
                hint="start it without `torchrun` or `accelerate launch`",
            )
        rows = {name: of_task for name, of_task in rows.items() if len(of_task)}
        if not rows:
            raise PetMtlError("there are no rows to score")
        self.parameters = ParameterCounts(
            sum(parameter.numel() for parameter in self.mlm.parameters()), 0
        )
        out = {}
        with bar(
            title, sum(len(rows[name]) * len(self.suite.tasks[name].patterns) for name in rows)
        ) as shown:
            for name, of_task in rows.items():
                task = self.suite.tasks[name]
                compiled = compile_forms(task, self.tokenizer, self.suite.train.max_length)
                for difference in dict.fromkeys(
                    found for words in compiled.words for found in differences(task, words)
                ):
                    if name not in self._said:
                        say(f"warning: {name}: OpenPrompt's scores differ: {difference}")
                self._said |= {name}
                of_forms = []
                for form in compiled.forms:
                    live = _live_prompt(self, task, form)
                    scores = []
                    for start in range(0, len(of_task), BATCH_ROWS):
                        part = of_task.take(np.arange(start, min(start + BATCH_ROWS, len(of_task))))
                        # the first batch of several pays for start-up
                        timed = start or len(of_task) <= BATCH_ROWS
                        scores.append(
                            self._score(live, kind_of(task), part, throughput if timed else None)
                        )
                        shown.advance(len(part))
                    of_forms.append(np.concatenate(scores))
                if by_pattern is not None:
                    by_pattern[name] = np.stack(of_forms)
                out[name] = kind_of(task).average(
                    np.stack(of_forms),
                    np.array([form.weight for form in compiled.forms], np.float32),
                )
        return out

    def _score(
        self, live: LivePrompt, kind: Kind, rows: Rows, throughput: Throughput | None
    ) -> FloatArray:
        start = time.perf_counter()
        batch = live.batch(live.examples(rows)).to(self.machine.device)
        with self.machine.autocast():
            scores: FloatArray = kind.log_probs(live.model(batch).float()).cpu().numpy()
        if throughput is not None:
            throughput.rows += len(rows)
            throughput.tokens += int(batch["attention_mask"].sum())
            throughput.seconds += time.perf_counter() - start
        return scores


class OpenPromptModel(_OpenPromptScores):
    """A model without training, scored by OpenPrompt."""


class OpenPromptCheckpoint(_OpenPromptScores, LoadedCheckpoint):
    """A checkpoint, scored by OpenPrompt."""


def openprompt_engine() -> tuple[type[LoadedCheckpoint], type[LoadedModel]]:
    """Return what scores checkpoints, and models without training, with OpenPrompt.

    Raises:
        PetMtlError: OpenPrompt is not installed.
    """
    import_openprompt()
    return OpenPromptCheckpoint, OpenPromptModel
