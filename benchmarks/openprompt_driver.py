"""Train or score one single-text task with OpenPrompt and print what it took as one line of JSON.

Started by `openprompt_pair.py` with the Python of OpenPrompt's own environment: nothing of pet_mtl
can be imported here.
"""

import argparse
import contextlib
import csv
import io
import json
import resource
import sys
import time
from pathlib import Path

import openprompt
import torch
import transformers
from openprompt import PromptDataLoader, PromptForClassification
from openprompt.data_utils import InputExample
from openprompt.plms import load_plm
from openprompt.prompts import ManualTemplate, ManualVerbalizer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["train", "score"])
    parser.add_argument("--model", required=True, help="folder of a BERT masked language model")
    parser.add_argument("--rows", required=True, type=Path, help="`id text label`, tab-separated")
    parser.add_argument(
        "--words", required=True, type=json.loads, help='label words: {"100": "故", …}'
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    return parser.parse_args()


def examples(file: Path, labels: list[str]) -> list[InputExample]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        InputExample(guid=id_, text_a=text, label=labels.index(label)) for id_, text, label in rows
    ]


def peak_memory_gb(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


def main() -> None:
    args = arguments()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    labels = list(args.words)
    mlm, tokenizer, _, wrapper_class = load_plm("bert", args.model)
    template = ManualTemplate(
        text='这是一条{"mask"}新闻：{"placeholder":"text_a"}', tokenizer=tokenizer
    )
    # prefix="": the default puts a space before each word, which Chinese does not have.
    verbalizer = ManualVerbalizer(
        tokenizer, classes=labels, label_words=[[args.words[n]] for n in labels], prefix=""
    )
    dataset = examples(args.rows, labels)

    started = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        loader = PromptDataLoader(
            dataset=dataset,
            template=template,
            tokenizer=tokenizer,
            tokenizer_wrapper_class=wrapper_class,
            max_seq_length=args.length,
            batch_size=args.batch,
            shuffle=args.mode == "train",
        )
    encode_seconds = time.perf_counter() - started

    model = PromptForClassification(template=template, plm=mlm, verbalizer=verbalizer).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    seconds, rows, tokens = run(model, loader, optimizer if args.mode == "train" else None, device)
    result = {
        "samples_per_second": rows / seconds,
        "tokens_per_second": tokens / seconds,
        "measured_seconds": seconds,
        "peak_memory_gb": peak_memory_gb(device),
        "encode_seconds": encode_seconds,
        "rows": len(dataset),
        "device": device,
        "versions": {m.__name__: m.__version__ for m in (openprompt, transformers, torch)},
    }
    print(json.dumps(result))


def run(
    model: PromptForClassification,
    loader: PromptDataLoader,
    optimizer: torch.optim.Optimizer | None,
    device: str,
) -> tuple[float, int, int]:
    """Go through the rows once; return seconds, rows and real tokens, the first batch left out."""
    model.train(optimizer is not None)
    rows = tokens = 0
    started = 0.0
    with torch.set_grad_enabled(optimizer is not None):
        for number, batch in enumerate(loader):
            real = int(batch["attention_mask"].sum())
            batch = batch.to(device)
            logits = model(batch)
            if optimizer is not None:
                torch.nn.functional.cross_entropy(logits, batch["label"]).backward()
                optimizer.step()
                optimizer.zero_grad()
            else:
                logits.argmax(-1).cpu()
            if number:
                rows += len(batch["label"])
                tokens += real
            else:
                if device == "cuda":
                    torch.cuda.synchronize()
                started = time.perf_counter()
        if device == "cuda":
            torch.cuda.synchronize()
    return time.perf_counter() - started, rows, tokens


if __name__ == "__main__":
    main()
