"""From a finished run to its report."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pet_mtl.cloze.batch import cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.said import with_words
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.data.targets import target_text
from pet_mtl.kinds import kind_of
from pet_mtl.metrics.score import Score, mean_main
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.model.methods.heads import HeadsModel
from pet_mtl.model.sharing.routes import Routes
from pet_mtl.model.task_model import TaskModel
from pet_mtl.report.data import CurvePoint, ModelView, ReportData, TaskCurves, Token
from pet_mtl.report.places import short_model, short_place, short_settings
from pet_mtl.report.task_data import task_report
from pet_mtl.scoring.chain import said_labels
from pet_mtl.scoring.log_probs import FloatArray, score_tokens
from pet_mtl.scoring.top_pieces import top_pieces
from pet_mtl.suite.suite import Suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.text import counted

_TOP = 6  # words shown at a slot
_ROWS = 256  # of each task, whose gates are averaged


def report_data(
    suite: Suite,
    model: TaskModel,
    tokenizer: PieceTokenizer,
    machine: Machine,
    prompts: Prompts,
    words: Sequence[LabelWords],
    rows: Mapping[str, Rows],
    log_probs: Mapping[str, FloatArray],
    scores: Mapping[str, Score],
    records: list[dict[str, Any]],
    facts: list[tuple[str, str]],
    best_step: int | None = None,
) -> ReportData:
    """Gather what the report shows.

    Args:
        model: with the weights of the best checkpoint.
        prompts: of the dev rows.
        words: the label words of each form; none where no words are read.
        rows: the dev rows, by task.
        log_probs: `[rows, K]` for each task.
        scores: of these predictions.
        records: the lines of `metrics.jsonl`.
        facts: shown beside the scores, such as ("training", "43 s").
        best_step: the step that the weights come from.
    """
    tasks = []
    for name, of_task in rows.items():
        task = suite.tasks[name]
        view = _view(
            task,
            model,
            tokenizer,
            machine,
            prompts,
            words,
            of_task,
            kind_of(task).probabilities(log_probs[name]),
            suite.base,
        )
        tasks.append(
            task_report(
                task,
                of_task,
                log_probs[name],
                scores[name],
                suite.base,
                curves=_curves(name, records),
                view=view,
            )
        )
    return ReportData(
        title=suite.name,
        model=short_model(suite.model),
        created=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        settings={
            "method": short_settings(suite.method.model_dump()),
            "train": short_settings(suite.train.model_dump()),
            "sampling": short_settings(suite.sampling.model_dump()),
            **_task_settings(suite),
        },
        tasks=tasks,
        mean=mean_main(scores.values()),
        facts=facts,
        conflicts=[CurvePoint(r["step"], r["conflicts"]) for r in records if "conflicts" in r],
        terms=_terms(records),
        routes=_routes(model, prompts, machine, tokenizer, list(suite.tasks)),
        best_step=best_step,
    )


@torch.inference_mode()
def _routes(
    model: TaskModel,
    prompts: Prompts,
    machine: Machine,
    tokenizer: PieceTokenizer,
    names: list[str],
) -> list[Routes]:
    """Return which task uses what, over the first dev rows of each."""
    if not isinstance(model, HeadsModel):
        return []
    model.eval()
    chosen = [np.flatnonzero(prompts.form == form)[:_ROWS] for form in range(len(prompts.forms))]
    plans = cut_batches(prompts, np.concatenate(chosen), score_tokens(machine))
    batches = (
        collate(prompts, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id).to(
            machine.device
        )
        for plan in plans
    )
    with machine.autocast():
        return model.routes(batches, names)


def _terms(records: list[dict[str, Any]]) -> dict[str, list[CurvePoint]]:
    """Return how each loss term went."""
    terms = [record["terms"] for record in records if isinstance(record.get("terms"), dict)]
    names = dict.fromkeys(name for each in terms for name in each)
    return {name: _points(records, "terms", name) for name in names}


def _points(records: list[dict[str, Any]], key: str, name: str) -> list[CurvePoint]:
    """Return `record[key][name]` by step, of the records that have it."""
    return [
        CurvePoint(record["step"], record[key][name])
        for record in records
        if isinstance(record.get(key), dict) and name in record[key]
    ]


def _task_settings(suite: Suite) -> dict[str, Any]:
    return {
        name: {
            **({} if task.kind == "classification" else {"kind": task.kind}),
            **({"levels": task.levels} if task.levels else {}),
            **(
                {"thresholds": [f"{threshold:.4f}" for threshold in task.thresholds]}
                if task.thresholds
                else {}
            ),
            "prefix": task.prefix,
            "patterns": list(task.patterns),
            "slots": task.slots,
            "aggregation": task.aggregation,
            "label words": [
                f"{label}: {' '.join(words)}"
                for label, words in zip(task.all_labels, task.all_words, strict=True)
            ],
        }
        for name, task in suite.tasks.items()
    }


def _curves(task: str, records: list[dict[str, Any]]) -> TaskCurves:
    dev = [
        CurvePoint(r["step"], next(iter(r["dev"][task].values())))
        for r in records
        if task in r.get("dev", {})
    ]
    return TaskCurves(_points(records, "loss", task), dev, _points(records, "weights", task))


def _view(
    task: TaskSpec,
    model: TaskModel,
    tokenizer: PieceTokenizer,
    machine: Machine,
    prompts: Prompts,
    words: Sequence[LabelWords],
    rows: Rows,
    probabilities: FloatArray,
    base: str,
) -> ModelView:
    """Show one row of middling length, in the prompt that scores its predicted label's main
    word."""
    form_number = next(
        number for number, form in enumerate(prompts.forms) if form.task == task.name
    )
    items = np.flatnonzero(prompts.form == form_number)
    item = int(items[np.argsort(prompts.lengths[items], kind="stable")[len(items) // 2]])
    row, form = int(prompts.row[item]), prompts.forms[prompts.form[item]]
    predicted = int(probabilities[row].argmax())
    if form.hypothesis is not None:  # the prompt that states it, and the words for yes
        stated = [
            number
            for number in np.flatnonzero(prompts.row == row).tolist()
            if (other := prompts.forms[prompts.form[number]]).task == task.name
            and (other.pattern, other.hypothesis) == (form.pattern, predicted)
        ]
        item, predicted = stated[0], 0
        form = prompts.forms[prompts.form[item]]
    read = words[prompts.form[item]] if words else None
    length = len(read.pieces[read.of_label(predicted)[0]]) if read else 0
    told, place, said = prompts, item, list[int]()
    if prompts.said:
        one = np.array([item])
        labels = said_labels(model, prompts, one, machine, tokenizer)
        told, place, said = with_words(prompts, one, labels), 0, labels[0].tolist()
    tokens = [
        Token(tokenizer.slot_text if kind == "slot" else tokenizer.piece_texts([token_id])[0], kind)
        for token_id, kind in show_prompt(told, place, tokenizer, length, said)
    ]
    names = [
        f"{label} {of_label[0]}"
        for label, of_label in zip(task.verbalizer.labels, task.verbalizer.words, strict=True)
    ]
    note = short_place(rows.where(row), base)
    match task.kind_spec.facts.target:
        case "label":
            gold = [names[int(rows.labels[row])]]
        case "labels":
            gold = [names[k] for k in np.flatnonzero(rows.gold[row] > 0)]
        case "number":
            gold, note = [], f"{note}; target {target_text(rows.gold[row], task)}"
    others = "" if form.behind is not None else ", ".join(str(n) for n in form.masks if n != length)
    note = f"{note}; the prompt for label words of {counted(length, 'piece')}" if others else note
    return ModelView(
        tokens=tokens,
        slots=top_pieces(model, prompts, item, length, machine, tokenizer, _TOP)
        if isinstance(model, ClozeModel)
        else [],
        gold=gold[0] if gold else "",
        also=tuple(gold[1:]),
        label_scores=sorted(
            zip(names, probabilities[row].tolist(), strict=True), key=lambda pair: -pair[1]
        ),
        note=f"{note} (others: {others})" if others else note,
    )
