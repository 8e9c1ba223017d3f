"""Which sentences become premises."""

import random
from collections import Counter
from pathlib import Path

from pet_mtl.pairs.places import draw_places
from pet_mtl.pretraining.corpus import FileCorpus, find_corpus


def corpus_of(folder: Path, text: str) -> FileCorpus:
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return find_corpus([str(folder / "text.txt")])


def test_places_are_sentences_with_the_one_behind(corpus: FileCorpus) -> None:
    text = "".join("".join(document) for document in corpus.documents())
    places = draw_places(corpus, 200, random.Random(1))
    assert 24 <= len(places) <= 200
    for place in places:
        last = place.premise[-4:]
        assert last in text
        assert text.index(last) < text.index(place.following)
        assert not place.premise.endswith("。")


def test_each_document_is_as_likely(tmp_path: Path) -> None:
    names = "甲乙丙丁戊己庚辛壬癸"
    corpus = corpus_of(
        tmp_path, "\n\n".join(f"{n}说今天天气很好我们去公园。{n}回家去了。" for n in names)
    )
    drawn = Counter(
        place.premise[0]
        for seed in range(400)
        for place in draw_places(corpus, 2, random.Random(seed))
    )
    assert set(drawn) <= set(names)
    assert max(drawn.values()) < 2 * min(drawn.values()) + 10
    assert all(len(draw_places(corpus, 2, random.Random(seed))) <= 2 for seed in range(5))


def test_a_long_document_gives_places_up_to_its_end(tmp_path: Path) -> None:
    """A file of lines without a blank one is one document."""
    numbers = "零一二三四五六七八九"
    lines = [
        f"第{numbers[n // 100]}{numbers[n // 10 % 10]}{numbers[n % 10]}个人今天去了公园。"
        for n in range(400)
    ]
    places = draw_places(corpus_of(tmp_path, "\n".join(lines)), 400, random.Random(1))
    drawn = Counter(place.premise[1] for place in places)
    assert set(drawn) == set("零一二三")
    assert max(drawn.values()) < 2 * min(drawn.values())


def test_other_languages_and_lone_sentences_give_no_places(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "This is a text. It has sentences.\n\n只有一句话在这里。\n")
    assert draw_places(corpus, 10, random.Random(1)) == []
