"""The files that a row and a label word pass: these numbers only go down (`tests/hops.py`)."""

from pathlib import Path

from hops import hops

MOST_OF_A_ROW = 39
MOST_OF_A_WORD = 12


def test_a_row_and_a_label_word_pass_few_files(tmp_path: Path) -> None:
    of_row, of_word = hops(tmp_path)
    assert len(of_row) <= MOST_OF_A_ROW, of_row
    assert len(of_word) <= MOST_OF_A_WORD, of_word
    # it sees the way: from the first file to the last
    assert {"data/readers.py", "cloze/encode.py", "model/word_scores.py"} <= {*of_row}
    assert {"suite/verbalizer.py", "cloze/label_words.py"} <= {*of_word}
