from pathlib import Path

import pytest

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.corpus import find_corpus
from pet_mtl.pretraining.recipe import VocabularySpec
from pet_mtl.pretraining.vocabulary import vocabulary_folder
from pet_mtl.pretraining.word_vocabulary import SPECIAL, build_word_vocabulary, save_word_tokenizer
from pet_mtl.storage.pretrained import load_tokenizer

TEXTS = [
    ["今天股票大涨，北京的投资者很高兴", "iPhone 15在北京发布，今天开卖"],
    ["我们在北京，天安门"],
] * 4
SPEC = VocabularySpec(size=80, min_frequency=2, latin=10, words=12)


def test_frequent_words_are_pieces_and_characters_have_the_rest() -> None:
    scores = dict(build_word_vocabulary(TEXTS, SPEC))
    assert list(scores)[:5] == list(SPECIAL)
    assert {"今天", "北京", "股票", "iphone", "15", "，", "的", "京"} <= set(scores)
    assert len(scores) <= 80
    assert scores["北京"] > scores["股票"] > scores["京"]  # 12, 4, and never on its own
    assert scores["，"] > scores["的"]


@pytest.mark.parametrize(("words", "latin"), [(0, 0), (3, 1), (5, 0)])
def test_the_places_are_kept(words: int, latin: int) -> None:
    pieces = [
        p
        for p, _ in build_word_vocabulary(
            TEXTS, SPEC.model_copy(update={"words": words, "latin": latin})
        )
    ]
    longer = [p for p in pieces[5:] if len(p) > 1]
    assert sum(p.isascii() for p in longer) == latin
    assert sum(not p.isascii() for p in longer) == words


def test_no_character_is_frequent_enough() -> None:
    with pytest.raises(PetMtlError, match="no character of the corpus is frequent enough"):
        build_word_vocabulary([["甲乙"]], VocabularySpec(min_frequency=2, words=5))


def test_words_leave_no_place() -> None:
    with pytest.raises(PetMtlError, match=r"`vocabulary\.size` leaves no place for characters"):
        build_word_vocabulary(
            [*TEXTS, ["朋友喜欢学习"]], VocabularySpec(size=16, min_frequency=1, words=12)
        )


def test_the_folder_is_an_ordinary_tokenizer(tmp_path: Path) -> None:
    save_word_tokenizer(build_word_vocabulary(TEXTS, SPEC), tmp_path / "made", 64)
    tokenizer = load_tokenizer(str(tmp_path / "made"))
    assert tokenizer.tokenize("今天北京iPhone 15，涨京龘") == [
        "今天",
        "北京",
        "iphone",
        "15",
        "，",
        "涨",
        "京",
        "龘",
    ]
    assert tokenizer.model_max_length == 64
    ids = tokenizer("北京")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "北京", "[SEP]"]
    pieces = PieceTokenizer(tokenizer)
    assert (pieces.start_ids, pieces.end_ids, pieces.space_matters) == ([2], [3], False)
    assert not {2, 3, 4} & set(pieces.encode(["[MASK]北京[SEP]"])[0])


def test_the_recipe_chooses_it(corpus_file: Path, tmp_path: Path) -> None:
    corpus = find_corpus([str(corpus_file)])
    tokenizer = load_tokenizer(
        str(vocabulary_folder(corpus, VocabularySpec(size=64, words=20), 64, tmp_path))
    )
    assert len(tokenizer) <= 64
    assert not (tmp_path / "vocab.txt").exists()
