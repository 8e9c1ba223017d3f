"""The products that `speed.py` has take turns with ours, as their users run them.

transformers: a plain sequence classification of the same rows, weights and number format; rows are
padded to the longest of their batch. onnxruntime: what `pet-mtl export` wrote, by its own `run.py`.
"""

import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

from speed_work import Job, Turn, Work, latencies, read_titles


class _Rows:
    """A list of examples, as a data set of torch."""

    def __init__(self, examples: list[dict[str, Any]]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.examples[place]


class _Transformers(Work):
    """A sequence classifier with the weights of a backbone, its tokenizer and rows."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from pet_mtl.storage.pretrained import quiet_transformers

        rows = read_titles(job["rows"], job.get("count"))
        labels = sorted({row[-1] for row in rows})
        self.texts = [row[1] for row in rows]
        self.labels = [labels.index(row[-1]) for row in rows]
        dropout = {}
        if "dropout" in job:
            dropout = dict.fromkeys(
                ("hidden_dropout_prob", "attention_probs_dropout_prob"), job["dropout"]
            )
        with quiet_transformers():
            self.tokenizer = AutoTokenizer.from_pretrained(job["model"])
            self.model = AutoModelForSequenceClassification.from_pretrained(
                job["model"], num_labels=len(labels), dtype=torch.float32, **dropout
            )
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device).eval()
        self.bf16 = job.get("precision") == "bf16"
        self.facts = {"precision": job.get("precision", "fp32")}

    def examples(self) -> _Rows:
        """Return the tokenised rows."""
        pieces = self.tokenizer(self.texts, truncation=True, max_length=128)["input_ids"]
        return _Rows(
            [{"input_ids": ids, "labels": n} for ids, n in zip(pieces, self.labels, strict=True)]
        )

    def trainer(self, batch: int, rows: _Rows | None, callbacks: list[Any], **more: Any) -> Any:
        from transformers import (
            DataCollatorWithPadding,
            PrinterCallback,
            Trainer,
            TrainingArguments,
        )

        # the folder is only named: nothing is saved
        arguments = TrainingArguments(
            output_dir=str(Path(tempfile.gettempdir()) / "speed-trainer"),
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=batch,
            bf16=self.bf16,
            use_cpu=self.device == "cpu",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=self.device != "cpu",
            **more,
        )
        trainer: Any = Trainer(
            model=self.model,
            args=arguments,
            train_dataset=rows,  # type: ignore[arg-type]
            data_collator=DataCollatorWithPadding(self.tokenizer),
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)  # it writes to stdout
        return trainer


class TrainerTrain(_Transformers):
    """`Trainer.train` with dynamic padding; the clock starts behind a few steps."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.rows = self.examples()
        mean = sum(len(row["input_ids"]) for row in self.rows.examples) / len(self.rows)
        # of the same real tokens a step, unless a number of rows is given
        self.batch = job.get("batch") or max(1, round(job["batch_tokens"] / mean))
        self.cold = True
        self.facts |= {"batch_rows": self.batch, "mean_tokens": round(mean, 1)}

    def turn(self) -> Turn:
        from transformers import TrainerCallback

        # every `train` has a first step of its own; kernels are warm behind the first turn
        warm, seconds = self.job.get("warm", 3) if self.cold else 1, self.seconds
        self.cold = False
        clock = {"steps": 0, "began": 0.0, "ended": 0.0}

        class Watch(TrainerCallback):
            def on_step_end(self, _: Any, __: Any, control: Any, **___: Any) -> Any:
                clock["steps"] += 1
                clock["ended"] = time.perf_counter()
                if clock["steps"] == warm:
                    clock["began"] = clock["ended"]
                elif clock["steps"] > warm:
                    control.should_training_stop = clock["ended"] - clock["began"] >= seconds
                return control

        self.trainer(
            self.batch,
            self.rows,
            [Watch()],
            max_steps=100_000,
            learning_rate=1e-5,
            weight_decay=0.01,
            dataloader_drop_last=len(self.rows) >= self.batch,
        ).train()
        rows = min(self.batch, len(self.rows)) * (clock["steps"] - warm)
        return {"rate": rows / (clock["ended"] - clock["began"])}


class TrainerScore(_Transformers):
    """`Trainer.predict` of texts, tokenising among it, in batches of 32."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.asked = self.trainer(32, None, [])
        self._all()

    def _all(self) -> int:
        self.asked.predict(self.examples())
        return len(self.texts)


class Pipeline(_Transformers):
    """transformers' `pipeline("text-classification")`, in batches of 32."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from transformers import pipeline

        self.asked: Any = pipeline(
            "text-classification", model=self.model, tokenizer=self.tokenizer, device=self.device
        )
        self._predict(self.texts[:32])

    def _predict(self, texts: list[str]) -> int:
        import torch

        kind = "cuda" if self.device == "cuda" else "cpu"
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bf16):
            self.asked(texts, batch_size=min(32, len(texts)))
        return len(texts)

    def _all(self) -> int:
        return self._predict(self.texts)


class PipelineRow(Pipeline):
    """The pipeline, one text at a time."""

    def turn(self) -> Turn:
        return one_by_one(self, self.texts, lambda text: self._predict([text]))


def one_by_one(work: Work, texts: list[str], ask: Any) -> Turn:
    """Ask for one text after the other, for a turn."""
    took: list[float] = []

    def once() -> int:
        began = time.perf_counter()
        ask(texts[len(took) % len(texts)])
        took.append(time.perf_counter() - began)
        return 1

    work.repeat(once)
    return latencies(took)


class Tokenizer(Work):
    """A fast tokenizer's call on the texts, pattern and all, by 1,024 rows."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from pet_mtl.storage.pretrained import load_tokenizer

        self.tokenizer = load_tokenizer(job["model"])
        pattern = job["pattern"].replace("{mask}", self.tokenizer.mask_token)
        rows = read_titles(job["rows"], job["count"])
        self.texts = [pattern.replace("{title}", row[1]) for row in rows]

    def _all(self) -> int:
        for start in range(0, len(self.texts), 1024):
            self.tokenizer(self.texts[start : start + 1024], truncation=True, max_length=128)
        return len(self.texts)


def onnx_classifier(folder: Path, model: str, threads: int) -> Any:
    """Return the `Classifier` of an export's own `run.py`, with so many threads."""
    import onnxruntime

    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    classifier = module.Classifier(model, folder)
    classifier.session = onnxruntime.InferenceSession(
        str(folder / model), options, providers=["CPUExecutionProvider"]
    )
    return classifier


class Onnx(Work):
    """An export in onnxruntime, texts to label log-probabilities, sorted by length, by 64 rows."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        import torch

        self.asked = onnx_classifier(
            Path(job["folder"]), job.get("file", "model.onnx"), torch.get_num_threads()
        )
        self.texts = [row[1] for row in read_titles(job["rows"], job["count"])]
        (self.field,) = self.asked.how["fields"]
        self.rows = [{self.field: text} for text in sorted(self.texts, key=len)]
        self.asked.log_probs(self.rows[:64])
        self.facts = {"precision": "int8" if "int8" in job.get("file", "") else "fp32"}

    def _all(self) -> int:
        for start in range(0, len(self.rows), 64):
            self.asked.log_probs(self.rows[start : start + 64])
        return len(self.rows)


class OnnxRow(Onnx):
    """The export, one text at a time."""

    def turn(self) -> Turn:
        return one_by_one(self, self.texts, lambda text: self.asked.log_probs([{self.field: text}]))


NEIGHBOURS = {
    "trainer-train": TrainerTrain,
    "trainer-score": TrainerScore,
    "pipeline": Pipeline,
    "pipeline-row": PipelineRow,
    "tokenizer": Tokenizer,
    "onnx": Onnx,
    "onnx-row": OnnxRow,
}
