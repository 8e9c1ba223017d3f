"""The tables of `speed.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

from turns import paired, spread

Cell = Mapping[str, Any]
NAMES = {
    "train": "training",
    "score": "scoring, from texts",
    "predict": "predict, offline",
    "one-row": "predict, one row",
    "encode": "tokenising",
    "words": "other label words",
    "start-up": "whole command",
    "openprompt": "OpenPrompt",
}
UNITS = {"rate": "rows/s", "ms": "ms", "seconds": "s"}
_OPENPROMPT = {
    "train_rows_per_second": ("training, steps alone", "rows/s"),
    "score_rows_per_second": ("scoring, batches alone", "rows/s"),
    "encode_ms_per_row": ("tokenising", "ms a row"),
    "train_peak_gb": ("training, peak memory", "GB"),
    "score_peak_gb": ("scoring, peak memory", "GB"),
}


def summary(cells: Mapping[str, Cell]) -> dict[str, list[dict[str, Any]]]:
    """Return what the rounds of all cells come to: pairs of sides, utilisation, one-row shares,
    memory."""
    found: dict[str, list[dict[str, Any]]] = {
        "pairs": [],
        "utilisation": [],
        "one_row": [],
        "memory": [],
    }
    for name, cell in cells.items():
        measure, _, what = name.partition("/")
        rounds = cell["rounds"]
        if not rounds:
            continue
        if measure == "openprompt":
            found["pairs"] += _openprompt(what, rounds)
            continue
        found["pairs"] += _pairs(measure, what, rounds)
        if "peak" in rounds[0]:
            found["utilisation"] += _utilisation(measure, what, cell)
        if "over_encoder" in rounds[0]["ours"]:
            ratio = spread([each["ours"]["over_encoder"] for each in rounds])
            told = {
                key: spread([r["ours"][key] for r in rounds])["median"] for key in ("ms", "p95_ms")
            }
            found["one_row"].append({"model": what, **told, "over_encoder": ratio})
        ends = {side: end["peak_gb"] for side, end in cell.get("ends", {}).items() if end}
        if ends and measure in ("train", "score", "predict"):
            found["memory"].append({"measure": measure, "model": what, "peak_gb": ends})
    return found


def _pairs(measure: str, what: str, rounds: Sequence[Any]) -> list[dict[str, Any]]:
    pairs = []
    for other in rounds[0]:
        if other in ("ours", "peak") or other not in rounds[0]:
            continue
        key = next(key for key in ("rate", "ms", "seconds") if key in rounds[0][other])
        better = ("ours", other) if key == "rate" else (other, "ours")
        pairs.append(
            {
                "measure": measure,
                "model": what,
                "unit": UNITS[key],
                "other": other,
                "ours": spread([each["ours"][key] for each in rounds])["median"],
                "theirs": spread([each[other][key] for each in rounds])["median"],
                "ratio": paired(rounds, *better, key),
                "rounds": len(rounds),
            }
        )
    return pairs


def _openprompt(what: str, rounds: Sequence[Any]) -> list[dict[str, Any]]:
    pairs = []
    for key, (name, unit) in _OPENPROMPT.items():
        ours = [each[key]["ours"] for each in rounds]
        theirs = [each[key]["openprompt"] for each in rounds]
        both = zip(ours, theirs, strict=True)
        ratios = [a / b if unit == "rows/s" else b / a for a, b in both]
        pairs.append(
            {
                "measure": "openprompt",
                "model": what,
                "what": name,
                "unit": unit,
                "other": "OpenPrompt",
                "ours": spread(ours)["median"],
                "theirs": spread(theirs)["median"],
                "ratio": spread(ratios),
                "rounds": len(rounds),
            }
        )
    return pairs


def _utilisation(measure: str, what: str, cell: Cell) -> list[dict[str, Any]]:
    rounds = cell["rounds"]
    shares = {
        key: spread([r["ours"][key] / r["peak"]["flop_per_second"] for r in rounds])
        for key in ("flop_per_second", "needed_flop_per_second")
    }
    ours = cell.get("facts", {}).get("ours", {})
    return [
        {
            "measure": measure,
            "model": what,
            "precision": ours.get("precision"),
            "threads": ours.get("threads"),
            "peak_tflops": spread([r["peak"]["flop_per_second"] / 1e12 for r in rounds])["median"],
            "utilisation": shares["flop_per_second"],
            "utilisation_needed": shares["needed_flop_per_second"],
        }
    ]


def figure(value: float) -> str:
    """Write a number with three digits that count.

    >>> figure(0.01234), figure(3.456), figure(45678.9)
    ('0.0123', '3.46', '45,679')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _range(ratio: Mapping[str, float], sign: str = "×") -> str:
    return f"{ratio['least']:.2f}–{ratio['most']:.2f}{sign}"


def markdown(cells: Mapping[str, Cell], facts: Mapping[str, Any]) -> str:
    """Write all tables."""
    told = summary(cells)
    lines = [
        f"{facts['machine']}; rows: {facts['rows']}; base: {facts['base']}. Medians over the rounds; "
        "ratios are of turns in the same round, in our favour.",
        "",
        "| measured | model | beside | ours | theirs | better by | least–most | rounds |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in told["pairs"]:
        name = one.get("what") or NAMES[one["measure"]]
        lines.append(
            f"| {name} | {one['model']} | {one['other']} | {figure(one['ours'])} {one['unit']} | "
            f"{figure(one['theirs'])} {one['unit']} | **{one['ratio']['median']:.2f}×** | "
            f"{_range(one['ratio'])} | {one['rounds']} |"
        )
    if told["utilisation"]:
        lines += [
            "",
            "| utilisation | model | format, threads | fastest product, TFLOP/s | of it | "
            "least–most | without what nobody reads |",
            "|---|---|---|---:|---:|---:|---:|",
        ]
    for one in told["utilisation"]:
        share, needed = one["utilisation"], one["utilisation_needed"]
        lines.append(
            f"| {NAMES[one['measure']]} | {one['model']} | {one['precision']}, {one['threads']} | "
            f"{one['peak_tflops']:.3f} | **{share['median']:.1%}** | {share['least']:.1%}–"
            f"{share['most']:.1%} | {needed['median']:.1%} |"
        )
    if told["one_row"]:
        lines += [
            "",
            "| one row | median ms | 95 % ms | by the encoder's own time | least–most |",
            "|---|---:|---:|---:|---:|",
        ]
    for one in told["one_row"]:
        ratio = one["over_encoder"]
        lines.append(
            f"| {one['model']} | {one['ms']:.2f} | {one['p95_ms']:.2f} | "
            f"**{ratio['median']:.2f}×** | {_range(ratio)} |"
        )
    if told["memory"]:
        lines += ["", "| peak memory of the process, GB | model | |", "|---|---|---|"]
    for one in told["memory"]:
        sides = ", ".join(
            f"{side} {peak:.2f}" for side, peak in one["peak_gb"].items() if side != "peak"
        )
        lines.append(f"| {NAMES[one['measure']]} | {one['model']} | {sides} |")
    missing = [
        f"- {name}, {side}: {why}"
        for name, cell in cells.items()
        for side, why in {**cell.get("left_out", {}), **_failed(cell)}.items()
    ]
    if missing:
        lines += ["", "Left out:", "", *missing]
    return "\n".join(lines) + "\n"


def _failed(cell: Cell) -> dict[str, str]:
    return {"all": cell["failed"]} if "failed" in cell else {}
