import random
from pathlib import Path

import pytest
from toy_texts import CHARACTERS, documents

from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.pretraining.corpus import FileCorpus, find_corpus
from pet_mtl.pretraining.recipe import VocabularySpec
from pet_mtl.pretraining.vocabulary import build_vocabulary, save_tokenizer, vocabulary_folder
from pet_mtl.pretraining.word_vocabulary import SPECIAL
from pet_mtl.storage.pretrained import load_tokenizer

LATIN = [["the news of the day", "The NEWS today: tomorrow, today"], ["好坏好，坏。好"]] * 4


def test_characters_by_frequency_then_latin_pieces() -> None:
    pieces = build_vocabulary(LATIN, VocabularySpec(size=100, min_frequency=2, latin=40))
    assert pieces[:5] == list(SPECIAL)
    assert pieces[5] == "好"
    assert len(set(pieces)) == len(pieces) <= 100
    assert {"好", "坏", "，", "。", ":", ","} <= set(pieces)
    assert {"the", "news", "today"} <= set(pieces)
    assert not any(character.isupper() for piece in pieces[5:] for character in piece)
    assert {"t", "n", "##e"} <= set(pieces)


def test_of_equally_frequent_pieces_the_same_are_taken_each_time() -> None:
    """The trainer numbers the letters inside words as its threads meet them."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(2, 7))) for _ in range(300)]
    text = [[" ".join(draw.choices(words, k=40)), "好坏"] for _ in range(100)]
    first, *others = (build_vocabulary(text, VocabularySpec(latin=200)) for _ in range(4))
    assert others == [first] * 3


@pytest.mark.parametrize("least", [4, 5, 12, 13])
def test_the_frequency_cut(least: int) -> None:
    pieces = build_vocabulary(LATIN, VocabularySpec(size=100, min_frequency=least, latin=0))
    assert ("坏" in pieces) == (least <= 8)
    assert ("好" in pieces) == (least <= 12)
    assert ("，" in pieces) == (least <= 4)


def test_the_size_is_kept_and_the_frequent_stay() -> None:
    pieces = build_vocabulary(LATIN, VocabularySpec(size=30, min_frequency=1, latin=20))
    assert len(pieces) <= 30
    assert "好" in pieces
    assert (
        len([piece for piece in pieces[5:] if piece.isascii() and piece.strip("#").isalnum()]) >= 20
    )


def test_no_character_is_frequent_enough() -> None:
    with pytest.raises(PetMtlError, match="no character of the corpus is frequent enough"):
        build_vocabulary([["甲"]], VocabularySpec(min_frequency=2))


def test_latin_pieces_leave_no_place() -> None:
    with pytest.raises(PetMtlError, match=r"`vocabulary\.size` leaves no place for characters"):
        build_vocabulary(LATIN, VocabularySpec(size=16, min_frequency=1))


def test_the_folder_is_an_ordinary_tokenizer(tmp_path: Path) -> None:
    pieces = build_vocabulary([*LATIN, *documents(20)], VocabularySpec(size=200, min_frequency=1))
    save_tokenizer(pieces, tmp_path / "made", 64)
    tokenizer = load_tokenizer(str(tmp_path / "made"))
    assert type(tokenizer).__name__ == "BertTokenizer"
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == pieces
    assert (tmp_path / "made" / "vocab.txt").read_text(encoding="utf-8").splitlines() == pieces
    assert tokenizer.tokenize("The news好坏today") == ["the", "news", "好", "坏", "today"]
    assert tokenizer.model_max_length == 64
    assert tokenizer.unk_token not in tokenizer.tokenize("".join(CHARACTERS[:20]))


def test_it_is_built_once(
    corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, spec = find_corpus([str(corpus_file)]), VocabularySpec(size=64)
    folder = vocabulary_folder(corpus, spec, 64, tmp_path)
    monkeypatch.setattr(
        "pet_mtl.pretraining.vocabulary.build_vocabulary", lambda *_: pytest.fail("built again")
    )
    assert vocabulary_folder(corpus, spec, 64, tmp_path) == folder
    monkeypatch.undo()
    assert vocabulary_folder(corpus, VocabularySpec(size=32), 64, tmp_path) != folder


@pytest.mark.parametrize("words", [0, 20])
def test_of_a_corpus_that_changes_while_it_is_counted_nothing_is_kept(
    changing_corpus: FileCorpus, tmp_path: Path, words: int
) -> None:
    spec, place = VocabularySpec(size=64, words=words), tmp_path / "cache"
    with pytest.raises(RunError, match="the corpus changed while it was read"):
        vocabulary_folder(changing_corpus, spec, 64, place)
    assert not place.exists()
    assert vocabulary_folder(changing_corpus, spec, 64, place).is_dir()
