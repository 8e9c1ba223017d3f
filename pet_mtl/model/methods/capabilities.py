"""What a method can do, so that nothing asks for its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """What the rest of the package asks a method about.

    Attributes:
        reads_words: label words decide the label scores, so other words may be given.
        has_patterns: rows are written in the task's patterns, of which there may be several.
        zero_shot: scores rows before it is trained.
        words_alone: what the MLM head reads at the slots is all there is; no part of the method's
            own stands between it and the label scores.
        calibrates: a bias for each label, fitted without labels, makes sense.
    """

    reads_words: bool
    has_patterns: bool
    zero_shot: bool
    words_alone: bool
    calibrates: bool = True
