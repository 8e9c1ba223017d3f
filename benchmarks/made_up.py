"""Made-up data and models of a benchmark: texts of characters that a tokenizer knows, backbones of
random weights, untrained checkpoints."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# median and spread of the lengths of TNEWS titles: most have 15 to 30 characters
MEDIAN, SIGMA = 22, 0.35
_CHINESE = re.compile("[一-鿿]")


def known_characters(folder: str) -> list[str]:
    """Return the Chinese characters that are one piece of a model's tokenizer, by their ids."""
    from pet_mtl.storage.pretrained import load_tokenizer

    by_id = sorted(load_tokenizer(folder).get_vocab().items(), key=lambda entry: entry[1])
    return [piece for piece, _ in by_id if _CHINESE.fullmatch(piece)]


def texts(characters: Sequence[str], lengths: Sequence[int], seed: int) -> list[str]:
    """Return a text of each length, its characters drawn at random."""
    draw = np.random.default_rng(seed)
    drawn = np.array(characters)[draw.integers(0, len(characters), int(sum(lengths)))]
    ends = np.cumsum(lengths)
    return ["".join(drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def title_lengths(count: int, seed: int) -> list[int]:
    """Return lengths as those of news titles, in characters."""
    drawn = np.random.default_rng(seed).lognormal(np.log(MEDIAN), SIGMA, count)
    found: list[int] = np.clip(drawn.round(), 4, 120).astype(int).tolist()
    return found


def labelled_rows(characters: Sequence[str], count: int, labels: int, seed: int) -> list[list[str]]:
    """Return rows `id, text, label`."""
    written = texts(characters, title_lengths(count, seed), seed)
    numbers = np.random.default_rng(seed + 1).integers(0, labels, count).tolist()
    return [
        [str(row), text, str(label)]
        for row, (text, label) in enumerate(zip(written, numbers, strict=True))
    ]


def write_random_bert(folder: Path, layers: int, hidden: int, tokenizer: str) -> None:
    """Write a BERT of random weights, without dropout, that reads another model's pieces."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    from pet_mtl.storage.pretrained import load_tokenizer, quiet_transformers

    pieces = load_tokenizer(tokenizer)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64),
        intermediate_size=4 * hidden,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=pieces.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(0)
        BertForMaskedLM(config).save_pretrained(folder)
        pieces.save_pretrained(folder)


def write_untrained(folder: Path, suite_file: Path) -> None:
    """Write a checkpoint of a suite's backbone as it is."""
    from pet_mtl.storage.checkpoint import write_checkpoint
    from pet_mtl.storage.pretrained import load_backbone, load_pieces, suite_model
    from pet_mtl.suite.suite import load_suite

    suite = load_suite(suite_file)
    model = suite_model(suite)
    write_checkpoint(folder, load_backbone(model), load_pieces(model), suite, {})


def write_task(
    file: Path,
    model: str,
    words: Mapping[str, str | Sequence[str]],
    pattern: str,
    data: Mapping[str, str],
    **settings: Any,
) -> None:
    """Write a pattern file of one task, `news`, of rows `id title label`: JSON is YAML, too."""
    task = {
        "patterns": [pattern],
        "verbalizer": dict(words),
        "columns": {"id": 0, "title": 1, "label": 2},
        "data": dict(data),
    }
    suite = {"version": 1, "model": model, "tasks": {"news": task}, "train": settings}
    file.write_text(json.dumps(suite, ensure_ascii=False, indent=2), encoding="utf-8")


def write_rows(file: Path, rows: Sequence[Sequence[str]]) -> None:
    file.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
