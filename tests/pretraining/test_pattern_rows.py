from pathlib import Path

import numpy as np

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.pretraining.pattern_rows import pattern_rows
from pet_mtl.pretraining.rows import LABEL_WORD, TEXT, PieceRows
from pet_mtl.pretraining.task_text import training_rows
from pet_mtl.suite.suite import load_suite


def make(
    suite_file: Path, tokenizer: PieceTokenizer, max_length: int = 32
) -> tuple[PieceRows, list[tuple[str, str]]]:
    suite = load_suite(suite_file)
    rows, _ = training_rows(load_suite_data(suite), unlabelled=False)
    train = rows["colour"][0]
    texts = train.fields["text"].to_pylist()
    labels = [suite.tasks["colour"].verbalizer.labels[label] for label in train.labels]
    made = pattern_rows(
        suite.tasks, rows, tokenizer, max_length, np.ones(tokenizer.vocab_size, bool)
    )
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
