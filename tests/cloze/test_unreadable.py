import pytest
import toys

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.unreadable import (
    CHARACTERS,
    lost_text,
    readability,
    text_readability,
    unreadable_warnings,
)
from pet_mtl.data.rows import Rows


@pytest.mark.parametrize(
    ("kind", "text", "share"),
    [
        ("wordpiece", "龘 靐 齉", 1.0),
        ("wordpiece", "good 龘", 0.5),
        ("wordpiece", "good", 0.0),
        ("wordpiece", "", 0.0),
    ],
)
def test_the_share_of_unknown_pieces(kind: str, text: str, share: float) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    assert readability(tokenizer.encode([text]), tokenizer).share == share


def test_single_bytes_of_characters_say_nothing() -> None:
    tokenizer = toys.piece_tokenizer("byte_level")
    assert readability(tokenizer.encode(["龘靐"]), tokenizer).share == 1.0
    assert readability(tokenizer.encode(["is good news a b"]), tokenizer).share == 0.0
    long = "is good news a b " * CHARACTERS + "龘" * 10_000  # the beginning is looked at
    assert text_readability([long], tokenizer).share == 0.0


@pytest.mark.parametrize(
    ("texts", "warned"),
    [(["龘", "齉"], True), (["good", "bad"], False), (["good bad good a b 龘"], False)],
)
def test_a_task_of_unknown_texts_is_warned_of(texts: list[str], warned: bool) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    task = toys.make_task("{mask} news: {a}", {"x": ["good"], "y": ["bad"]})
    rows = {"toy": Rows.of({"a": texts})}
    prompts = encode_suite({"toy": task}, rows, tokenizer, 64)
    warnings = unreadable_warnings(prompts, tokenizer)
    assert bool(warnings) is warned
    assert not warned or "toy: the model cannot read 100 %" in warnings[0]


def test_latin_words_cut_into_letters_are_not_read() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    letters = [
        number for piece, number in tokenizer.tokenizer.get_vocab().items() if piece in "abt"
    ]
    good = tokenizer.encode(["good"])[0]
    found = readability([[*letters[:3], *good], letters[:2]], tokenizer)
    assert len(letters) >= 3
    assert found.unknown == 0
    assert found.spelled == pytest.approx(3 / (5 + len(good)))
    assert "single letters of Latin words" in lost_text(found)
