"""A word for each label."""

import string

import pytest
import toys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

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


def of_words(*known: str) -> PieceTokenizer:
    """Return a tokenizer that tells capitals, accents and vowel signs apart, and knows some words
    beside its characters."""
    characters = sorted({*"".join(known), *string.ascii_letters})
    pieces = [*toys.BERT_SPECIALS, *characters, *(f"##{each}" for each in characters), *known]
    numbers = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = ("pad", "unk", "cls", "sep", "mask")
    tokens = dict(zip((f"{name}_token" for name in names), toys.BERT_SPECIALS, strict=True))
    return PieceTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("die Größe", "die früher", ["größe", "früher"]),
        ("рынок это", "фильм это", ["рынок", "фильм"]),
        ("बाज़ार में", "अस्पताल में", ["बाज़ार", "अस्पताल"]),
        ("주가 오늘은", "국회 오늘은", ["주가", "국회"]),
        ("کتاب\u200cها در", "دوست\u200cدارم در", ["کتاب\u200cها", "دوست\u200cدارم"]),
    ],
)
def test_words_of_rows_are_whole_in_any_script(one: str, other: str, expected: list[str]) -> None:
    tokenizer = of_words(*expected)
    found = words(tokenizer, {"0": "0", "1": "1"}, {"0": [one] * 2, "1": [other] * 2})
    assert found == {"0": (expected[0], True), "1": (expected[1], True)}


def test_scripts_without_spaces_take_pieces_of_the_vocabulary() -> None:
    tokenizer = of_words("ทีม", "กำไร", "##นี้", "##x")
    found = words(tokenizer, {"0": "0", "1": "1"}, {"0": ["ทีมนี้ 虎x"], "1": ["กำไรนี้ 虎x"]})
    assert found == {"0": ("ทีม", True), "1": ("กำไร", True)}


@pytest.mark.parametrize(
    ("name", "known", "word"),
    [
        ("Wirtschaft", ["Wirtschaft"], "Wirtschaft"),
        ("Wirtschaft", ["Wirtschaft", "wirtschaft"], "wirtschaft"),
        ("NBA", ["NBA"], "NBA"),
        ("news_techNews", ["tech", "news"], "tech news"),
        ("SPORTS", ["sports"], "sports"),
    ],
)
def test_a_name_is_written_in_the_fewest_pieces(name: str, known: list[str], word: str) -> None:
    found = words(of_words(*known, "other"), {"a": name, "b": "news_other"})
    assert found["a"] == (word, False)
