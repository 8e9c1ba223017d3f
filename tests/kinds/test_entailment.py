"""Labels as hypotheses: the prompts, what is drawn of them, and their scores by hand."""

import numpy as np
import pytest
import torch
from toys import make_task, make_verbalizer, piece_tokenizer

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.sampling import Schedule
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError
from pet_mtl.kinds import kind_of
from pet_mtl.scoring.log_probs import task_log_probs
from pet_mtl.suite.task import TaskSpec

TOKENIZER = piece_tokenizer("wordpiece")
WORDS = {"x": ["好"], "y": ["坏"], "z": ["新闻"]}
PATTERNS = ("{text}，{mask}。", "{mask}：{label}。{text}")


def task(**more: object) -> TaskSpec:
    plain = make_task(("{text}，{mask}。",), WORDS).model_dump()
    options = {"kind": "entailment", "patterns": PATTERNS, "question": "是{mask}", "yes": "真"}
    return TaskSpec.model_validate({**plain, **options, "no": "不", **more})


def test_statements_are_patterns_with_the_labels_in_them() -> None:
    stated = task(descriptions={"y": "不{好}"}).statements
    assert stated.patterns == (
        "{text}，好。是{mask}",
        "{text}，不{{好}}。是{mask}",
        "{text}，新闻。是{mask}",
        "{mask}：好。{text}",
        "{mask}：不{{好}}。{text}",
        "{mask}：新闻。{text}",
    )
    assert stated.readings.labels == ("yes", "no")
    assert stated.readings.words == (("真",), ("不",))


def test_each_hypothesis_is_a_form_with_yes_and_no() -> None:
    compiled = compile_forms(task(), TOKENIZER, 40)
    assert [(form.pattern, form.hypothesis) for form in compiled.forms] == [
        (pattern, label) for pattern in (0, 1) for label in (0, 1, 2)
    ]
    assert {form.num_labels for form in compiled.forms} == {2}
    rows = Rows.of({"text": ["天", "气"]}, labels=[1, -1])
    prompts = encode_suite({"toy": task()}, {"toy": rows}, TOKENIZER, 40)
    assert prompts.label.reshape(6, 2).T.tolist() == [[1, 0, 1] * 2, [-1] * 6]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0)])
def test_the_label_with_the_most_probable_yes_wins(weights: tuple[float, float]) -> None:
    of_task = task(pattern_weights=list(weights))
    rows = Rows.of({"text": ["天", "气", "真"]}, labels=[0, 1, 2])
    prompts = encode_suite({"toy": of_task}, {"toy": rows}, TOKENIZER, 40)
    scores = torch.randn(18, 2, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    found = task_log_probs(prompts, scores.numpy())["toy"]  # [rows, labels]
    p_yes = scores.exp()[:, 0].reshape(2, 3, 3)  # [patterns, labels, rows]
    odds = p_yes / (1 - p_yes)
    shares = odds / odds.sum(1, keepdim=True)
    mean = np.average(shares.log().numpy(), axis=0, weights=weights).T
    expected = mean - np.log(np.exp(mean).sum(-1, keepdims=True))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    kind = kind_of(of_task)
    assert kind.decide(found).tolist() == expected.argmax(-1).tolist()
    np.testing.assert_allclose(kind.probabilities(found).sum(-1), 1, atol=1e-5)


def test_a_teacher_tells_each_hypothesis_its_probability() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1]])
    found = kind_of(task()).taught(probs, 1)
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.8]]))


def test_a_row_is_shown_with_its_own_label_and_one_other() -> None:
    rows = Rows.of({"text": list("天气真好坏是")}, labels=[0, 1, 2, 0, 1, -1])
    prompts = encode_suite({"toy": task()}, {"toy": rows}, TOKENIZER, 40)
    schedule = Schedule(prompts, temperature=1.0, batch_tokens=200, seed=3)
    others, drawn = set(), set()
    for epoch in range(12):
        items = np.concatenate([plan.items for plan in schedule.epoch(epoch)])
        assert len(items) == 12
        for row in range(6):
            own = items[prompts.row[items] == row]
            forms = [prompts.forms[number] for number in prompts.form[own]]
            assert len({form.pattern for form in forms}) == 1
            assert len({form.hypothesis for form in forms}) == 2
            if row < 5:
                assert sorted(prompts.label[own].tolist()) == [0, 1]
            else:
                drawn.add(frozenset(form.hypothesis for form in forms))
            if row == 0:
                others |= {form.hypothesis for form in forms}
    assert others == {0, 1, 2}
    assert frozenset({1, 2}) in drawn  # of a row without a label, any two
    again = Schedule(prompts, temperature=1.0, batch_tokens=200, seed=3).epoch(7)
    assert [plan.items.tolist() for plan in again] == [
        plan.items.tolist() for plan in schedule.epoch(7)
    ]
    other = Schedule(prompts, temperature=1.0, batch_tokens=200, seed=4).epoch(7)
    one, two = (np.concatenate([plan.items for plan in plans]) for plans in (again, other))
    assert set(one.tolist()) != set(two.tolist())  # other labels beside their own


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"descriptions": {"q": "谁"}}, "which is no label"),
        ({"question": "是"}, "`question`"),
        ({"question": "{text}{mask}"}, "without fields"),
        ({"question": "{task:judged}{mask}"}, "without fields"),
        ({"question": "{soft:2}{mask}"}, "without fields"),
        ({"no": "真"}, "stands in `yes` and in `no`"),
        ({"descriptions": {"x": "新闻"}}, 'labels "x" and "z" make the same hypothesis, "新闻"'),
        ({"descriptions": {"x": "一样", "y": "一样 "}}, "make the same hypothesis"),
        ({"descriptions": {"x": "caf\u00e9", "y": "cafe\u0301"}}, "make the same hypothesis"),
        ({"verbalizer": make_verbalizer({"x": ["好", "真"], "y": ["好"]})}, 'hypothesis, "好"'),
        ({"verbalizer_kind": {"name": "soft"}}, "is not for `kind: entailment`"),
        ({"patterns": "{soft:2}{text}{mask}"}, "is not for `kind: entailment`"),
    ],
)
def test_what_does_not_go_together(more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**more)


@pytest.mark.parametrize(
    "more",
    [
        {"verbalizer": make_verbalizer({"x": ["Good"], "y": ["坏"], "z": ["good"]})},
        {"descriptions": {"x": "caf\u00e9", "z": "cafe"}},
        {"descriptions": {"x": "谁", "z": "何"}},  # neither is in the vocabulary
    ],
)
@pytest.mark.parametrize("patterns", [PATTERNS, PATTERNS[1:]])
def test_hypotheses_that_the_tokenizer_reads_alike(
    more: dict[str, object], patterns: tuple[str, ...]
) -> None:
    """The second label would never be predicted: its score is that of the first."""
    with pytest.raises(PetMtlError) as caught:
        compile_forms(task(patterns=patterns, **more), TOKENIZER, 40)
    (problem,) = caught.value.problems
    assert problem.where == "toy.txt:3"
    assert problem.message.startswith('labels "x" and "z" make the same hypothesis for this model')
    assert "`descriptions`" in str(problem.hint)


def test_hypotheses_that_another_tokenizer_tells_apart() -> None:
    of_task = task(descriptions={"x": "Good", "z": "good"})
    assert len(compile_forms(of_task, piece_tokenizer("byte_level"), 60).forms) == 6


def test_words_that_are_yes_and_no_to_the_tokenizer_alike() -> None:
    with pytest.raises(PetMtlError, match="the same label words"):
        compile_forms(task(yes="good", no="GOOD"), TOKENIZER, 40)
