"""Prompts to label log-probabilities."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import bar
from pet_mtl.errors import RunError
from pet_mtl.kinds import kind_of_form
from pet_mtl.metrics.throughput import Throughput
from pet_mtl.model.hardware import Machine
from pet_mtl.model.in_threads import in_threads
from pet_mtl.model.task_model import TaskModel
from pet_mtl.scoring.chain import chained_batch
from pet_mtl.scoring.processes import ALONE, Processes

FloatArray = npt.NDArray[np.float32]
SCORE_TOKENS = 1536  # larger batches are little faster on a CPU and take memory
GPU_SCORE_TOKENS = 32_768  # smaller ones leave it waiting for the next


def score_items(
    model: TaskModel,
    prompts: Prompts,
    plans: Sequence[BatchPlan],
    machine: Machine,
    tokenizer: PieceTokenizer,
    *,
    throughput: Throughput | None = None,
    on_batch: Callable[[int], None] = lambda rows: None,
) -> FloatArray:
    """Score batches of prompts.

    Args:
        plans: batches, as `cut_batches` gives them; items in none of them keep a score of NaN.
        throughput: filled as batches are scored.
        on_batch: called with the number of rows after each batch.

    Returns:
        `[n, K]` log-probabilities of the labels for each item of the store; `K` is the most labels
        of any task, and the columns beyond a task's own labels are NaN.

    Raises:
        RunError: the model overflows: its scores are no numbers.
    """
    was_training = model.training
    # a model that is never trained is read by several threads, and no mode of it is touched
    if was_training:
        model.eval()
    kinds = [kind_of_form(form) for form in prompts.forms]

    @torch.inference_mode()  # each thread has a mode of its own
    def score(plan: BatchPlan) -> tuple[int, list[tuple[npt.NDArray[np.int64], FloatArray]]]:
        """Return the tokens of a batch, and for each of its groups items and `[b, K]`."""
        batch = chained_batch(model, prompts, plan, machine, tokenizer).to(machine.device)
        with machine.autocast():
            scores = model(batch)
        found = []
        for group, of_group in zip(batch.groups, scores, strict=True):
            log_probs = kinds[group.form].log_probs(of_group).cpu().numpy()
            if np.isnan(log_probs).any():
                raise no_numbers()
            found.append((batch.items[group.items.cpu().numpy()], log_probs))
        return batch.tokens, found

    most = max(kind.width(form.num_labels) for kind, form in zip(kinds, prompts.forms, strict=True))
    out = np.full((len(prompts), most), np.nan, dtype=np.float32)
    with in_threads(machine.device, len(plans)) as each:
        start = time.perf_counter()
        for number, (plan, (tokens, found)) in enumerate(
            zip(plans, each(score, plans), strict=True)
        ):
            for items, log_probs in found:
                out[items, : log_probs.shape[-1]] = log_probs
            now = time.perf_counter()
            if throughput is not None and (number or len(plans) == 1):
                throughput.rows += len(plan.items)
                throughput.tokens += tokens
                throughput.seconds += now - start
            start = now
            on_batch(len(plan.items))
    if was_training:
        model.train()
    return out


def no_numbers() -> RunError:
    """Return the error of a model that overflows."""
    return RunError(
        "the model computes no numbers for some rows",
        hint="its weights are damaged or too large for the number format: `train.precision`",
    )


def score_tokens(machine: Machine) -> int:
    """Return the tokens of a batch that is scored."""
    return SCORE_TOKENS if machine.device.type == "cpu" else GPU_SCORE_TOKENS


def score_plans(prompts: Prompts, machine: Machine) -> list[BatchPlan]:
    """Return batches that hold every prompt once, the longest first."""
    return list(cut_batches(prompts, np.arange(len(prompts)), score_tokens(machine)))


def score_prompts(
    model: TaskModel,
    prompts: Prompts,
    machine: Machine,
    tokenizer: PieceTokenizer,
    *,
    throughput: Throughput | None = None,
    title: str = "scoring",
    by_pattern: dict[str, FloatArray] | None = None,
    processes: Processes = ALONE,
) -> dict[str, FloatArray]:
    """Score every prompt under a progress bar; see `task_log_probs` for the result.

    Args:
        by_pattern: filled with what `pattern_log_probs` returns.
        processes: that score these prompts together; all of them get the whole result.
    """
    plans = processes.share(score_plans(prompts, machine))
    with bar(title, sum(len(plan.items) for plan in plans)) as shown:
        scores = score_items(
            model, prompts, plans, machine, tokenizer, throughput=throughput, on_batch=shown.advance
        )
    scores = processes.together(scores, plans)
    if throughput is not None:
        processes.add_up(throughput)
    if by_pattern is not None:
        by_pattern |= pattern_log_probs(prompts, scores)
    return task_log_probs(prompts, scores)


def task_log_probs(prompts: Prompts, item_scores: FloatArray) -> dict[str, FloatArray]:
    """Average the patterns of each task, by their weights.

    Args:
        item_scores: as `score_items` returns them, no item of any task left out.

    Returns:
        For each task with rows, `[rows, K]` log-probabilities, in the order of the rows.
    """
    out = {}
    for task, each in pattern_log_probs(prompts, item_scores).items():
        forms = [form for form in prompts.forms if form.task == task]
        # of the forms of one pattern, all have its weight
        weights = np.array([form.weight for form in forms], np.float32)[:: len(forms) // len(each)]
        out[task] = kind_of_form(forms[0]).average(each, weights)
    return out


def pattern_log_probs(prompts: Prompts, item_scores: FloatArray) -> dict[str, FloatArray]:
    """Return `[patterns, rows, K]` log-probabilities for each task with rows; see
    `task_log_probs`."""
    out = {}
    for task in dict.fromkeys(form.task for form in prompts.forms):
        own = np.array([form.task == task for form in prompts.forms])
        forms, items = np.flatnonzero(own), np.flatnonzero(own[prompts.form])
        if not len(items):
            continue
        first = prompts.forms[forms[0]]
        kind = kind_of_form(first)
        columns = kind.width(first.num_labels)
        scores = item_scores[items, :columns]
        if first.long_text == "windows":
            scores = pool_windows(prompts, items, scores)
        each = torch.from_numpy(scores.reshape(len(forms), -1, columns))
        out[task] = kind.combine(each).numpy()
    return out


def pool_windows(prompts: Prompts, items: npt.NDArray[np.int64], scores: FloatArray) -> FloatArray:
    """Return one line of log-probabilities for each row of each form: of several windows the mean
    or the largest of each label, as the task's `long_text_pooling` says, normalised as the kind
    does; of a single window its own, unchanged.

    Args:
        items: of one task, ascending.
        scores: `[items, K]`.
    """
    form, row = prompts.form[items], prompts.row[items]
    new = np.concatenate([[True], (np.diff(form) != 0) | (np.diff(row) != 0)])
    starts = np.flatnonzero(new)
    counts = np.diff([*starts, len(items)])
    first = prompts.forms[form[0]]
    kind = kind_of_form(first)
    out: FloatArray = scores[starts]
    for count in np.unique(counts[counts > 1]).tolist():
        rows = np.flatnonzero(counts == count)
        each = scores[starts[rows] + np.arange(count)[:, None]]  # [windows, rows, K]
        if first.pooling == "max":
            each = each.max(0, keepdims=True)
        out[rows] = kind.average(each, np.ones(len(each), np.float32))
    return out
