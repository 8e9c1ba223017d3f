"""One row as the model sees it: its tokens by kind, the top words at each slot, the label
scores."""

from collections.abc import Sequence
from typing import get_args

from pet_mtl.cloze.form import PartKind
from pet_mtl.report.data import ModelView
from pet_mtl.report.markup import Html, element, percent

MOST_LABELS = 8


def model_view(view: ModelView) -> Html:
    """Return token chips, the top words of each slot, and the best labels."""
    used = {token.kind for token in view.tokens}
    key = [
        element("li", element("i", class_=f"token {kind}"), kind)
        for kind in get_args(PartKind)
        if kind in used
    ]
    chips, slots = [], 0
    for token in view.tokens:
        number = None
        if token.kind == "slot":
            slots += 1
            number = element("sup", str(slots))
        chips.append(
            element(
                "span",
                token.text or "␠",
                *([number] if number else []),
                class_=f"token {token.kind}",
            )
        )
    panels = [
        element("div", element("h4", f"slot {position}"), _bars(words, marked=()), class_="panel")
        for position, words in enumerate(view.slots, start=1)
    ]
    panels.append(
        element(
            "div",
            element("h4", "labels"),
            _bars(_best_labels(view), marked=(view.gold, *view.also)),
            class_="panel scores",
        )
    )
    return element(
        "div",
        element("h3", "As the model sees it"),
        *([element("p", view.note, class_="note")] if view.note else []),
        element("p", chips, class_="tokens"),
        element("ul", key, class_="legend kinds"),
        element("div", panels, class_="panels"),
        class_="view",
    )


def _best_labels(view: ModelView) -> list[tuple[str, float]]:
    ordered = sorted(view.label_scores, key=lambda score: -score[1])
    best = ordered[:MOST_LABELS]
    # The gold label belongs in the picture, above all when the model ranks it low.
    return best + [score for score in ordered[MOST_LABELS:] if score[0] in (view.gold, *view.also)]


def _bars(words: Sequence[tuple[str, float]], *, marked: Sequence[str]) -> Html:
    rows = [
        element(
            "li",
            element("span", word, *([element("em", "gold")] if word in marked else [])),
            element(
                "span", element("i", style=f"width:{min(1.0, max(0.0, share)):.2%}"), class_="track"
            ),
            element("b", percent(share)),
            class_="marked" if word in marked else None,
        )
        for word, share in words
    ]
    return element("ol", rows, class_="bars")
