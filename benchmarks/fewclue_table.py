"""The table of `fewclue.py`: its figures beside the published ones."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

# Published for RoBERTa-wwm-ext base (102 million parameters), hidden test rows.
PUBLISHED: dict[str, dict[str, float]] = {
    "fine-tuning": {"tnews": 49.0, "eprstmt": 65.4, "iflytek": 32.8, "ocnli": 33.0},
    "PET": {"tnews": 54.5, "eprstmt": 86.7, "iflytek": 46.0, "ocnli": 44.0},
    "P-tuning": {"tnews": 54.2, "eprstmt": 88.3, "iflytek": 57.6, "ocnli": 41.9},
    "EFL": {"tnews": 52.1, "eprstmt": 84.9, "iflytek": 42.7, "ocnli": 66.2},
}


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return mean and sample sd of the splits' accuracies.

    >>> summary([0.5, 0.7])
    {'mean': 0.6, 'sd': 0.1414213562373095, 'splits': [0.5, 0.7]}
    """
    return {
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values),
        "splits": list(values),
    }


def markdown(tasks: Mapping[str, Mapping[str, Any]], title: str, rows: str) -> str:
    """Return the table beside the published figures."""
    lines = [
        f"| accuracy | {' | '.join(tasks)} |",
        f"|---|{'---|' * len(tasks)}",
        f"| {title} | "
        + " | ".join(f"{100 * one['mean']:.1f} ± {100 * one['sd']:.1f}" for one in tasks.values())
        + " |",
    ]
    for method, figures in PUBLISHED.items():
        shown = (f"{figures[name]:.1f}" if name in figures else "–" for name in tasks)
        lines.append(f"| published: {method}, RoBERTa-wwm-ext base | {' | '.join(shown)} |")
    lines += [
        "",
        f"Mean and sample sd over five splits, {rows}. The backbones differ: the published figures "
        "are of a model of 102 million parameters and of the benchmark's hidden test rows, so the "
        "lines are no comparison of methods.",
    ]
    return "\n".join(lines)
