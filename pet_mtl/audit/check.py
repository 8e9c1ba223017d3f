"""All checks of a suite's data, and the verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pet_mtl.audit.broken_lines import check_broken_lines
from pet_mtl.audit.characters import check_characters
from pet_mtl.audit.classes import check_classes
from pet_mtl.audit.corpus_overlap import check_corpus_overlap
from pet_mtl.audit.finding import LEVELS, Finding
from pet_mtl.audit.label_errors import MOST, LabelErrors, find_label_errors
from pet_mtl.audit.lengths import check_lengths
from pet_mtl.audit.overlap import check_overlap
from pet_mtl.audit.parts import Part, load_parts
from pet_mtl.audit.repeats import check_repeats
from pet_mtl.audit.soft_labels import check_soft_labels
from pet_mtl.audit.unreadable import check_unreadable
from pet_mtl.audit.vocabulary import check_vocabulary
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.errors import placed
from pet_mtl.pretraining.corpus import Corpus
from pet_mtl.suite.suite import Suite

Verdict = Literal["error", "warning", "good"]


@dataclass(frozen=True)
class CheckResult:
    """What was found.

    Attributes:
        parts: figures by task and part.
        overlap: rows of one part that stand in another one or in a corpus.
        vocabulary: shares of frequent words, where there is more than one task or corpus.
        findings: the worst first.
        base: where relative data paths start.
        label_errors: rows whose label checkpoints contradict, where some were asked.
    """

    parts: dict[str, dict[str, dict[str, Any]]]
    overlap: list[dict[str, Any]]
    vocabulary: dict[str, Any]
    findings: list[Finding]
    base: str = ""
    label_errors: LabelErrors | None = None

    @property
    def verdict(self) -> Verdict:
        levels = {finding.level for finding in self.findings}
        return "error" if "error" in levels else "warning" if "warning" in levels else "good"

    def count(self, level: str) -> int:
        return sum(finding.level == level for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "findings": [finding.to_json() for finding in self.findings],
            "tasks": self.parts,
            "overlap": self.overlap,
            "vocabulary": self.vocabulary,
            **({"label_errors": self.label_errors.to_json()} if self.label_errors else {}),
        }


def check_suite(
    suite: Suite,
    corpora: Mapping[str, Corpus],
    tokenizer: PieceTokenizer | None,
    checkpoints: Sequence[str] = (),
    most: int = MOST,
    positions: int | None = None,
) -> CheckResult:
    """Check all parts of all tasks, and what they share with each other and with pre-training text.

    Args:
        corpora: by the name they are shown under.
        tokenizer: None leaves tokens and truncation out.
        checkpoints: that judge the labels, and how many suspected rows of each part are listed; see
            `find_label_errors`.
        positions: that the backbone has for tokens, see `check_lengths`.

    Raises:
        PetMtlError: a file is missing or holds no good row; with the problems of all tasks.
    """
    parts = load_parts(suite)
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    findings: list[Finding] = []
    for part in parts:
        say(f"checking: {part.title}, {len(part.rows):,} rows")
        of_part: dict[str, Any] = {}
        with placed(suite.source):
            lengths = check_lengths(part, tokenizer, suite.train.max_length, suite.tasks, positions)
        for more, found in (
            check_broken_lines(part),
            check_repeats(part),
            check_classes(part),
            lengths,
            check_characters(part),
            check_unreadable(part, tokenizer),
        ):
            of_part |= more
            findings += found
        figures.setdefault(part.task.name, {})[part.name] = of_part
    findings += check_soft_labels(suite, parts)
    shared, found = check_overlap(parts)
    findings += found
    for name, corpus in corpora.items():
        say(f"checking: {name}")
        more_shared, found = check_corpus_overlap(parts, name, corpus.documents())
        shared += more_shared
        findings += found
    vocabulary: dict[str, Any] = {}
    if len(figures) + len(corpora) > 1:
        say("checking: vocabulary")
        tasks = {
            name: _texts([part for part in parts if part.task.name == name]) for name in figures
        }
        vocabulary, found = check_vocabulary(
            tasks, {name: _paragraphs(corpus) for name, corpus in corpora.items()}
        )
        findings += found
    label_errors = None
    if checkpoints:
        label_errors = find_label_errors(checkpoints, parts, most)
        findings += label_errors.findings
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return CheckResult(figures, shared, vocabulary, findings, suite.base, label_errors)


def _texts(parts: list[Part]) -> Iterator[str]:
    for part in parts:
        if not part.measured:
            for column in part.rows.fields.values():
                yield from column.to_pylist()


def _paragraphs(corpus: Corpus) -> Iterator[str]:
    for document in corpus.documents():
        yield from document
