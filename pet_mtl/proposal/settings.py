"""Settings that fit a task's rows: epochs, rates, lengths."""

import math
from collections.abc import Sequence

import numpy as np

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.proposal.pattern_file import SPLIT
from pet_mtl.storage.pretrained import from_cache, resolve_model
from pet_mtl.suite.auto import AUTO, recommend

# fewer rows than this: epochs, batch_tokens
SIZES = (
    (300, 20, 1024),
    (2000, 6, 2048),
    (20_000, 3, 4096),
    (math.inf, AUTO, AUTO),
)
SHORTEST, LONGEST = 32, 256  # tokens of `max_length`
CHARACTERS = 16 * LONGEST  # of a text, which has more tokens than that in them


def propose_settings(
    rows: int,
    texts: Sequence[Sequence[str]],
    around: Sequence[str],
    tokenizer: PieceTokenizer,
    model: str,
) -> dict[str, tuple[int | str, str]]:
    """Return settings, each with the reason for its value.

    Args:
        rows: how many there are.
        texts: some of them, column by column.
        around: prefix and pattern.
        model: the backbone's name.
    """
    learned = int(rows * (1 - SPLIT))
    rate, _ = recommend(model)[0].rate_for(learned)
    epochs, batch_tokens = next(values for most, *values in SIZES if rows < most)
    lengths = sum(
        np.array([len(ids) for ids in tokenizer.encode([text[:CHARACTERS] for text in column])])
        for column in texts
    )
    room = 8 + sum(map(len, tokenizer.encode(list(around))))
    wanted = int(np.quantile(lengths, 0.99)) + room
    longest = min(max(SHORTEST, -(-wanted // 16) * 16), LONGEST, positions(resolve_model(model)))
    return {
        "epochs": (epochs, "passes over the rows; `max_steps: 100` stops earlier"),
        "learning_rate": (AUTO, f"as the backbone recommends, or by its size; here {rate:g}"),
        "batch_tokens": (batch_tokens, "tokens of one optimizer step"),
        "max_length": (longest, "tokens of the longest prompt; longer texts are cut"),
        "early_stop": (AUTO, "end where dev scores stay far below the best; `off`: never"),
    }


def positions(folder: str) -> int:
    """Return the longest prompt that a backbone surely has positions for."""
    from transformers import AutoConfig

    positions = getattr(
        AutoConfig.from_pretrained(
            folder, trust_remote_code=False, local_files_only=from_cache(folder)
        ),
        "max_position_embeddings",
        None,
    )
    return (positions - 2) // 4 * 4 if positions and positions > 0 else LONGEST
