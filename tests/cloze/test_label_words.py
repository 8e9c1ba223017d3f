import pytest
import toys
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from pet_mtl.cloze.label_words import LabelWords, tokenize_label_words, tokenize_words
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.verbalizer import Verbalizer


def test_words_keep_their_order_labels_and_lengths(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["体育", "好"], "b": ["新闻中国"]})
    words = tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    expected = tuple(
        tuple(word_pieces.tokenizer.convert_tokens_to_ids(list(word)))
        for word in ("体育", "好", "新闻中国")
    )
    assert words.pieces == expected
    assert (words.labels, words.num_labels, words.lengths) == ((0, 0, 1), 2, (1, 2, 4))


def test_shared_slots_close_short_words_by_the_blank_piece(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["体育", "好"], "b": ["新闻中国"]})
    exact = tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    shared = tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="shared")
    assert shared.lengths == (4,)
    blank = word_pieces.pad_id
    assert shared.pieces == tuple(word + (blank,) * (4 - len(word)) for word in exact.pieces)


def test_a_number_of_prompts_closes_words_up_to_the_nearest(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["体育", "好"], "b": ["新闻中国", "天"], "c": ["坏"]})
    read = {
        slots: tokenize_label_words(verbalizer, word_pieces, space_before=False, slots=slots)
        for slots in ("exact", "shared", 1, 2, 3, 99)
    }
    assert read[2].lengths == (1, 4)  # (2, 4) would need a blank more
    assert read[1] == read["shared"]
    assert read[3] == read[99] == read["exact"]


def test_a_space_before_the_slot_is_part_of_byte_level_words(byte_level: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["good"], "b": ["bad"]})
    pieces = {
        space: [
            byte_level.tokenizer.convert_ids_to_tokens(list(word))
            for word in tokenize_label_words(
                verbalizer, byte_level, space_before=space, slots="exact"
            ).pieces
        ]
        for space in (False, True)
    }
    assert pieces[True] == [["Ġgood"], ["Ġbad"]]
    assert pieces[False][0] == ["good"]


@pytest.mark.parametrize("word", ["€", "好€", "[MASK]€", "", "   ", "\u200b"])
def test_words_that_cannot_be_written(word_pieces: PieceTokenizer, word: str) -> None:
    verbalizer = toys.make_verbalizer({"a": ["好"], "b": ["坏", word]})
    with pytest.raises(PetMtlError) as caught:
        tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    (problem,) = caught.value.problems
    assert problem.where == "toy.txt:2"
    assert f'cannot write the label word "{word}" of label "b"' in problem.message
    assert problem.hint


def test_every_unwritable_word_is_told(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["€", "好"], "b": ["₤", "₥"]})
    with pytest.raises(PetMtlError) as caught:
        tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    assert [problem.where for problem in caught.value.problems] == [
        "toy.txt:1",
        "toy.txt:2",
        "toy.txt:2",
    ]


@pytest.mark.parametrize(
    "words",
    [
        {"x": ["Good"], "y": ["good"]},
        {"x": ["Good", "BAD"], "y": ["bad", "good"]},
        {"x": ["a"], "y": ["á"]},
        {"x": ["good news"], "y": ["good  news"]},
    ],
)
@pytest.mark.parametrize("slots", ["exact", "shared"])
def test_labels_that_become_the_same_pieces(
    word_pieces: PieceTokenizer, words: dict[str, list[str]], slots: str
) -> None:
    with pytest.raises(
        PetMtlError, match=r'toy\.txt:2: labels "x" and "y" have the same label words'
    ):
        tokenize_label_words(
            toys.make_verbalizer(words), word_pieces, space_before=False, slots=slots
        )


def test_a_word_of_which_the_tokenizer_drops_a_character() -> None:
    """It would be read as what is left of it."""
    pieces = {piece: number for number, piece in enumerate(["<pad>", "<mask>", *"a(好坏"])}
    tokenizer = PieceTokenizer(
        PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.BPE(pieces, [])),
            pad_token="<pad>",
            mask_token="<mask>",
        )
    )
    verbalizer = toys.make_verbalizer({"a": ["好"], "b": ["坏喜"]})
    with pytest.raises(PetMtlError, match='cannot write the label word "坏喜" of label "b"'):
        tokenize_label_words(verbalizer, tokenizer, space_before=False, slots="exact")


def test_labels_may_share_a_word(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"x": ["good", "news"], "y": ["news"]})
    words = tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    assert words.labels == (0, 0, 1)
    assert words.pieces[1] == words.pieces[2]


@pytest.mark.parametrize(
    ("second", "message"), [("€", "cannot write"), ("GOOD", "same label words")]
)
def test_a_verbalizer_made_in_code_has_no_lines(
    word_pieces: PieceTokenizer, second: str, message: str
) -> None:
    verbalizer = Verbalizer(labels=("x", "y"), words=(("good",), (second,)))
    with pytest.raises(PetMtlError, match=message):
        tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    words = tokenize_label_words(
        verbalizer.model_copy(update={"words": (("good",), ("bad",))}),
        word_pieces,
        space_before=False,
        slots="exact",
    )
    assert words.num_labels == 2


def test_words_that_are_one_word_to_the_tokenizer_count_once(word_pieces: PieceTokenizer) -> None:
    verbalizer = toys.make_verbalizer({"a": ["Good", "good", "好"], "b": ["bad"]})
    words = tokenize_label_words(verbalizer, word_pieces, space_before=False, slots="exact")
    assert words.labels == (0, 0, 1)
    assert len(set(words.pieces)) == 3


def test_words_that_are_no_label_words_keep_their_places(word_pieces: PieceTokenizer) -> None:
    texts = ["体育新闻", "好", "好", "是不是"]  # equal words stay: each has a score of its own
    exact = tokenize_words(texts, word_pieces, space_before=False)
    assert exact.pieces == tuple(map(tuple, word_pieces.encode(texts)))
    assert exact.lengths == tuple(sorted({len(word) for word in exact.pieces}))
    assert exact.used == tuple(sorted({piece for word in exact.pieces for piece in word}))
    for numbers, wanted in (((4,), [4, 4, 4, 4]), ((2, 4), [4, 2, 2, 4]), ((2,), [4, 2, 2, 3])):
        closed = tokenize_words(texts, word_pieces, space_before=False, numbers=numbers)
        assert closed.pieces == tuple(
            word + (word_pieces.pad_id,) * (number - len(word))
            for word, number in zip(exact.pieces, wanted, strict=True)
        )


def test_the_words_of_a_label_are_those_that_it_owns() -> None:
    owners = (2, 0, 2, 1, 0)
    words = LabelWords(tuple((n,) for n in range(5)), owners, num_labels=4)
    for label in range(4):
        assert words.of_label(label) == [w for w, owner in enumerate(owners) if owner == label]
    words.of_label(2).clear()  # a list of its own
    assert words.of_label(2) == [0, 2]
