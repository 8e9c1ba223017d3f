import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import toys

from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.shorten import shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining import pattern_rows as module
from pet_mtl.pretraining.pattern_rows import pattern_rows
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, PieceRows
from pet_mtl.pretraining.task_text import training_rows
from pet_mtl.suite.suite import load_suite
from pet_mtl.suite.task import TaskSpec


def make(
    suite_file: Path,
    tokenizer: PieceTokenizer,
    max_length: int = 32,
    unmaskable: Sequence[int] = (),
) -> tuple[PieceRows, list[tuple[str, str]]]:
    suite = load_suite(suite_file)
    rows, _ = training_rows(load_suite_data(suite), unlabelled=False)
    train = rows["colour"][0]
    texts = train.fields["text"].to_pylist()
    labels = [suite.tasks["colour"].verbalizer.labels[label] for label in train.labels]
    maskable = np.ones(tokenizer.vocab_size, bool)
    maskable[list(unmaskable)] = False
    made, _ = pattern_rows(suite.tasks, rows, tokenizer, max_length, maskable)
    return made, list(zip(texts, labels, strict=True))


def test_every_row_in_every_pattern_with_a_gold_word(
    suite_file: Path, toy_tokenizer: PieceTokenizer
) -> None:
    made, expected = make(suite_file, toy_tokenizer)
    assert len(made) == 2 * len(expected)
    assert made.marks is not None
    used = set()
    for number in range(len(made)):
        text, label = expected[number % len(expected)]
        span = slice(made.starts[number], made.ends[number])
        ids, marks = made.pieces[span], made.marks[span]
        shown = "".join(toy_tokenizer.piece_texts(ids.tolist()))
        word = "".join(toy_tokenizer.piece_texts(ids[marks == LABEL_WORD].tolist()))
        assert word in {"r": ("红", "同红"), "b": ("蓝",)}[label]
        used.add(word)
        pattern = "类：{word}文：{text}" if number < len(expected) else "类：{text}。{word}"
        assert shown == pattern.format(word=word, text=text)
        assert "".join(toy_tokenizer.piece_texts(ids[marks == TEXT].tolist())) == text
    assert used == {"红", "同红", "蓝"}  # the words of a label take turns


def test_unknown_pieces_of_texts_are_never_chosen(
    suite_file: Path, toy_tokenizer: PieceTokenizer
) -> None:
    made, _ = make(suite_file, toy_tokenizer)
    assert made.marks is not None
    unknown = int(made.pieces[made.marks == TEXT][0])
    word = int(made.pieces[made.marks == LABEL_WORD][0])
    less, _ = make(suite_file, toy_tokenizer, unmaskable=[unknown, word])
    assert less.marks is not None
    assert not np.isin(less.pieces[less.marks == TEXT], [unknown, word]).any()
    np.testing.assert_array_equal(less.marks == LABEL_WORD, made.marks == LABEL_WORD)
    same = ~np.isin(made.pieces, [unknown, word])
    np.testing.assert_array_equal(less.marks[same], made.marks[same])


def test_long_texts_are_cut_and_patterns_are_not(
    suite_file: Path, toy_tokenizer: PieceTokenizer
) -> None:
    made, _ = make(suite_file, toy_tokenizer, max_length=12)
    assert made.lengths.max() <= 12
    assert made.marks is not None
    for start, end in zip(made.starts, made.ends, strict=True):
        shown = "".join(toy_tokenizer.piece_texts(made.pieces[start:end].tolist()))
        assert shown.startswith("类：")
        assert (made.marks[start:end] == LABEL_WORD).any()


def _slow_rows(
    task: TaskSpec, rows: Sequence[Rows], tokenizer: PieceTokenizer, max_length: int
) -> list[tuple[list[int], list[int]]]:
    """Return pieces and marks of each row, all texts tokenised at once and written one by one."""
    made = []
    compiled = compile_forms(task, tokenizer, max_length)
    for form, words in zip(compiled.forms, compiled.words, strict=True):
        for part in rows:
            texts = {
                field.field: tokenizer.encode(
                    part.fields[field.field].to_pylist(), space_before=field.space_before
                )
                for field in form.parts
                if field.field is not None
            }
            lengths = [np.array([len(ids) for ids in column]) for column in texts.values()]
            kept = dict(zip(texts, shorten(lengths, form.room(max_length)), strict=True))
            for row in range(len(part)):
                label = int(part.labels[row])
                if label < 0:
                    continue
                of_label = [words.pieces[w] for w in words.of_label(label)]
                ids: list[int] = []
                marks: list[int] = []
                for piece in form.parts[1:-1]:
                    new, mark = list(piece.ids), 0
                    if piece.is_slot:
                        new = list(of_label[(row + form.pattern) % len(of_label)])
                        mark = LABEL_WORD
                    elif piece.field is not None:
                        new, mark = texts[piece.field][row][: int(kept[piece.field][row])], TEXT
                    ids += new
                    marks += [mark] * len(new)
                made.append((ids, marks))
    return made


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "metaspace"])
def test_chunks_change_no_row(kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    tokenizer = toys.piece_tokenizer(kind)
    draw = random.Random(3)

    def texts(most: int) -> list[str]:
        return [
            " ".join(draw.choices(["good", "bad", "is", "体育", "a"], k=draw.randint(0, most)))
            for _ in range(11)
        ]

    task = toys.make_task(
        ["{mask}: {one} {two}", "{two},{one} is {mask}."],
        {"u": ["good", "is good"], "d": ["bad"]},
    )
    parts = [
        Rows.of(
            {"one": texts(30), "two": texts(30)},
            labels=[draw.choice([-1, 0, 1]) for _ in range(11)],
        )
        for _ in range(2)
    ]
    made, keys = pattern_rows(
        {"t": task}, {"t": parts}, tokenizer, 24, np.ones(tokenizer.vocab_size, bool)
    )
    assert made.marks is not None
    assert (made.pieces.dtype, made.marks.dtype) == (np.int32, np.uint8)
    found = [
        (made.pieces[start:end].tolist(), made.marks[start:end].tolist())
        for start, end in zip(made.starts, made.ends, strict=True)
    ]
    assert found == _slow_rows(task, parts, tokenizer, 24)
    # both patterns of a row, cut differently and with its fields in another order, share its key
    own = np.concatenate([row_keys(part)[part.labels >= 0] for part in parts])
    assert keys.tolist() == [*own, *own]


def test_tasks_whose_answer_is_no_label_word_are_left_out(toy_tokenizer: PieceTokenizer) -> None:
    words = {"u": ["红"], "d": ["蓝"]}
    plain = toys.make_task("{mask}：{text}", words, "plain")
    sets = toys.make_task("{mask}：{text}", words, "sets", kind="multi_label", threshold=0.5)
    rows = {"plain": [Rows.of({"text": ["新"]}, labels=[1])]}
    rows["sets"] = rows["plain"]
    every = np.ones(toy_tokenizer.vocab_size, bool)
    made, _ = pattern_rows({"plain": plain, "sets": sets}, rows, toy_tokenizer, 24, every)
    assert len(made) == 1
    with pytest.raises(PetMtlError, match="no training row has a label word") as caught:
        pattern_rows({"sets": sets}, rows, toy_tokenizer, 24, every)
    assert "`kind: classification` without `levels`" in str(caught.value)


def test_patterns_that_read_another_task_are_left_out(
    toy_tokenizer: PieceTokenizer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they read would be missing in their prompts."""
    words = {"u": ["红"], "d": ["蓝"]}
    task = toys.make_task(["{task:other}{text}。{mask}", "{mask}：{text}"], words)
    rows = {"toy": [Rows.of({"text": ["新"]}, labels=[1])]}
    every = np.ones(toy_tokenizer.vocab_size, bool)
    made, keys = pattern_rows({"toy": task}, rows, toy_tokenizer, 24, every)
    assert "".join(toy_tokenizer.piece_texts(made.pieces.tolist())).startswith("蓝：")
    assert (len(made), len(keys)) == (1, 1)
    assert "toy: pattern 1 reads another task's prediction" in capsys.readouterr().err
