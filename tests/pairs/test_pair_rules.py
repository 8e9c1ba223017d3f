"""What the rules make of a clause: what follows, what contradicts, what is left open."""

import random

import pytest

from pet_mtl.pairs.contradiction import contradicts
from pet_mtl.pairs.entailment import follows
from pet_mtl.pairs.lexicon import AFFIRMED, NEGATED, OPPOSITES, SYNONYMS
from pet_mtl.pairs.neutral import NamePool, leaves_open
from pet_mtl.pairs.words import Tagger, Word, Words, written

DRAWS = 300


def clause_of(tagger: Tagger, text: str) -> Words:
    return tagger.words([text])[0]


def contradictions(tagger: Tagger, text: str, names: NamePool | None = None) -> set[str]:
    clause, rng = clause_of(tagger, text), random.Random(1)
    made = [contradicts(clause, names or NamePool(), rng) for _ in range(DRAWS)]
    return {written(words) for words in made if words}


def test_what_follows_holds_words_of_the_clause_and_their_synonyms(tagger: Tagger) -> None:
    clause, rng = clause_of(tagger, "但是老师昨天在北京的图书馆觉得非常高兴"), random.Random(1)
    made = {written(follows(clause, rng)) for _ in range(DRAWS)}
    known = {word.text for word in clause}
    known |= {other for word in known for other in SYNONYMS.get(word, ())}
    for text in made:
        assert all(word.text in known for word in tagger.words([text])[0]), text
    assert len(made) > 10
    assert not any(text.startswith("但是") for text in made)
    assert any("北京" not in text for text in made)


@pytest.mark.parametrize("limit", ["不", "没", "只", "都", "几乎"])
def test_what_follows_keeps_what_limits_the_clause(tagger: Tagger, limit: str) -> None:
    clause, rng = [Word("他", "r"), Word(limit, "d"), Word("写书", "v")], random.Random(1)
    assert all(limit in written(follows(clause, rng)) for _ in range(DRAWS))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("他是老师", "他不是老师"),
        ("他不是老师", "他是老师"),
        ("学生没有带伞", "学生有带伞"),
        ("公司的收入增加", "公司的收入减少"),
        ("衣服很便宜", "衣服很贵"),
    ],
)
def test_a_contradiction_negates_affirms_or_says_the_opposite(
    tagger: Tagger, text: str, other: str
) -> None:
    assert other in contradictions(tagger, text)


def test_a_contradiction_changes_one_word(tagger: Tagger) -> None:
    clause, rng = clause_of(tagger, "公司今年同意增加二十个人的工资"), random.Random(1)
    for _ in range(DRAWS):
        changed = contradicts(clause, NamePool(), rng)
        if changed:
            assert len(changed) == len(clause)
            assert sum(new != old for new, old in zip(changed, clause, strict=True)) == 1


@pytest.mark.parametrize("text", ["他不会游泳", "他没有来过这里", "公司不同意"])
def test_what_is_negated_is_not_negated_again(tagger: Tagger, text: str) -> None:
    assert not any("不不" in made or "没不" in made for made in contradictions(tagger, text))
    assert all(made.count("不") + made.count("没") <= 1 for made in contradictions(tagger, text))


def test_numbers_become_other_numbers(tagger: Tagger) -> None:
    made = contradictions(tagger, "招聘20个")
    numbers = {text[2:4] for text in made if text.endswith("个") and text.startswith("招聘")}
    assert len(numbers) > 3
    assert "20" not in numbers


def test_names_become_other_names_of_the_text(tagger: Tagger) -> None:
    names, rng = NamePool(), random.Random(1)
    for city in ("上海", "广州", "天津", "南京") * 5:
        names.add([Word(city, "ns"), Word("我", "r")], rng)
    made = contradictions(tagger, "住北京", names)
    assert made & {"住上海", "住广州", "住天津", "住南京"}
    assert names.draw("nr", rng) is None


def test_nothing_to_change_is_no_contradiction(tagger: Tagger) -> None:
    assert contradicts([Word("啊", "y")], NamePool(), random.Random(1)) is None


def test_what_is_left_open_is_not_said_by_the_premise(tagger: Tagger) -> None:
    clause = clause_of(tagger, "老师昨天去了北京的图书馆")
    other, following = clause_of(tagger, "学生在家"), clause_of(tagger, "他们看了很多旧书")
    rng, kinds = random.Random(1), set()
    for _ in range(DRAWS):
        opened = leaves_open(clause, [other], [following], NamePool(), rng)
        if opened is None:
            continue
        premise, hypothesis = opened
        if premise is None:  # more than the sentence says, or something else
            kinds.add("next" if hypothesis == following else "added")
            assert set(hypothesis) - set(clause)
        elif premise == other:
            kinds.add("other clause")
            assert hypothesis == clause
        else:
            kinds.add("longer")
            assert len(written(premise)) < len(written(hypothesis))
    assert kinds == {"next", "added", "other clause", "longer"}


def test_the_word_lists_are_of_one_piece() -> None:
    assert all(OPPOSITES[word] != word for word in OPPOSITES)
    assert all(word not in others for word, others in SYNONYMS.items())
    assert all(
        AFFIRMED[negated] == plain for plain, negated in NEGATED.items() if negated != "不能"
    )
