"""A word for each label."""

import pytest

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.proposal.label_words import propose_words
from pet_mtl.proposal.presets import find_preset


def words(
    tokenizer: PieceTokenizer,
    names: dict[str, str],
    texts: dict[str, list[str]] | None = None,
    **more: object,
) -> dict[str, tuple[str, bool]]:
    options = {"language": "en", "space_before": True, **more}
    found = propose_words(names, texts or {label: [] for label in names}, tokenizer, **options)  # type: ignore[arg-type]
    return {label: (word.word, word.guess) for label, word in found.items()}


def test_names_that_are_words(word_pieces: PieceTokenizer) -> None:
    assert words(word_pieces, {"x_good": "x_good", "x_bad": "x_bad"}) == {
        "x_good": ("good", False),
        "x_bad": ("bad", False),
    }
    assert words(word_pieces, {"体育": "体育", "a b": "a b"}) == {
        "体育": ("体育", False),
        "a b": ("a b", False),
    }


def test_numbers_take_distinctive_words(word_pieces: PieceTokenizer) -> None:
    texts = {
        "0": ["the bad film", "bad the", "so bad news"],
        "1": ["the good film", "good one", "news good"],
    }
    assert words(word_pieces, {"0": "0", "1": "1"}, texts) == {
        "0": ("bad", True),
        "1": ("good", True),
    }


def test_chinese_rows(word_pieces: PieceTokenizer) -> None:
    texts = {"100": ["体育 新闻", "中国 体育"], "101": ["天气 新闻", "天气 好的"]}
    found = words(
        word_pieces, {"100": "100", "101": "101"}, texts, language="zh", space_before=False
    )
    assert found == {"100": ("体育", True), "101": ("天气", True)}


def test_english_names_of_chinese_rows(word_pieces: PieceTokenizer) -> None:
    texts = {"good": ["天气 真好"], "joy": ["体育 新闻"]}
    found = words(
        word_pieces, {"good": "good", "joy": "joy"}, texts, language="zh", space_before=False
    )
    assert found["good"] == ("good", False)
    assert found["joy"][1]  # three letters to this tokenizer


def test_entailment(word_pieces: PieceTokenizer) -> None:
    names = {name: name for name in ("contradiction", "Entailment", "neutral")}
    found = words(
        word_pieces,
        names,
        preset=find_preset(
            names,
            column="label",
            texts=["premise", "hypothesis"],
            language="en",
            entailment=("yes", "maybe", "no"),
        ),
    )
    assert [word for word, _ in found.values()] == ["no", "yes", "maybe"]


@pytest.mark.parametrize(
    "labels", [["😀", "😁", "💩"], ["Good", "good", "GOOD"], [str(n) for n in range(40)]]
)
def test_every_label_has_a_word_of_its_own(word_pieces: PieceTokenizer, labels: list[str]) -> None:
    found = words(word_pieces, {label: label for label in labels})
    pieces = {tuple(word_pieces.encode([word], space_before=True)[0]) for word, _ in found.values()}
    assert list(found) == labels
    assert len(pieces) == len(labels)
    assert all(word_pieces.unk_id not in ids for ids in pieces)
