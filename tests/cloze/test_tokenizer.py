from typing import Any

import pytest
import toys
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError

KINDS = list(toys.MAKERS)
BAD = "[MASK] [SEP]x[CLS][PAD] <mask> a<s></s> <pad>[mask] ｛mask｝"


def texts() -> st.SearchStrategy[str]:
    special = st.sampled_from(
        [*toys.BERT_SPECIALS, *toys.ROBERTA_SPECIALS, " ", "▁", "Ġ", "\0", "👩‍🚀", "##", "体育"]
    )
    return st.lists(special | st.text(max_size=8), max_size=8).map("".join)


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts(), space=st.booleans())
@example(text=BAD, space=False)
@example(text=BAD, space=True)
@example(text="<mask>", space=False)
@example(text=" <mask>", space=True)
@settings(max_examples=40)
def test_no_special_id_is_read_out_of_text(kind: str, text: str, space: bool) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    (ids,) = tokenizer.encode([text], space_before=space)
    special = set(tokenizer.tokenizer.all_special_ids) - {tokenizer.unk_id}
    assert special.isdisjoint(ids)
    assert all(0 <= i < tokenizer.vocab_size for i in ids)


@pytest.mark.parametrize("kind", KINDS)
@given(batch=st.lists(texts(), min_size=1, max_size=5), space=st.booleans())
@settings(max_examples=20)
def test_a_text_gets_the_same_pieces_whatever_stands_beside_it(
    kind: str, batch: list[str], space: bool
) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    together = tokenizer.encode(batch, space_before=space)
    assert together == [tokenizer.encode([text], space_before=space)[0] for text in batch]


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("wordpiece", ["[CLS]"], ["[SEP]"]),
        ("byte_level", ["<s>"], ["</s>"]),
        ("metaspace", ["<s>"], ["</s>"]),
        ("python", ["[CLS]"], ["[SEP]"]),
    ],
)
def test_the_frame_of_a_sentence(kind: str, start: list[str], end: list[str]) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    assert tokenizer.tokenizer.convert_ids_to_tokens(tokenizer.start_ids) == start
    assert tokenizer.tokenizer.convert_ids_to_tokens(tokenizer.end_ids) == end
    assert tokenizer.mask_id == tokenizer.tokenizer.mask_token_id
    assert tokenizer.pad_id == tokenizer.tokenizer.pad_token_id


@pytest.mark.parametrize(
    ("kind", "text", "space", "pieces"),
    [
        ("wordpiece", "Good 中国", False, ["good", "中", "国"]),
        ("wordpiece", "good", True, ["good"]),
        ("wordpiece", "[MASK]", False, ["[", "m", "##a", "##s", "##k", "]"]),
        ("byte_level", "good", False, ["good"]),
        ("byte_level", "good", True, ["Ġgood"]),
        ("metaspace", "good", True, ["▁good"]),
        ("metaspace", "中国", False, ["中", "国"]),
        ("metaspace", "中国", True, ["▁", "中", "国"]),
        ("metaspace", "体育", False, ["体育"]),
        ("metaspace", "", False, []),
        ("python", "[MASK]a", False, [*"[mask]a"]),
    ],
)
def test_pieces(kind: str, text: str, space: bool, pieces: list[str]) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    (ids,) = tokenizer.encode([text], space_before=space)
    assert tokenizer.tokenizer.convert_ids_to_tokens(ids) == pieces


@pytest.mark.parametrize(
    ("kind", "matters"), [("wordpiece", False), ("byte_level", True), ("metaspace", True)]
)
def test_whether_a_space_matters(kind: str, matters: bool) -> None:
    assert toys.piece_tokenizer(kind).space_matters is matters


@pytest.mark.parametrize("name", ["mask", "pad"])
def test_a_tokenizer_without_mask_or_padding_is_refused(name: str) -> None:
    tokenizer = toys.word_piece_tokenizer()
    setattr(tokenizer, f"{name}_token", None)
    with pytest.raises(PetMtlError, match=f"has no {name} token"):
        PieceTokenizer(tokenizer)


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("wordpiece", "playing", ["p", "l", "a", "y", "ing"]),
        ("byte_level", " good news", ["good", "news"]),
        ("metaspace", "中国", ["中", "国"]),
    ],
)
def test_how_pieces_read(kind: str, text: str, shown: list[str]) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    assert tokenizer.piece_texts(tokenizer.encode([text])[0]) == shown


def test_an_id_that_a_damaged_vocabulary_lacks_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    convert = tokenizer.tokenizer.convert_ids_to_tokens
    with monkeypatch.context() as patch:
        hole = tokenizer.mask_id
        patch.setattr(
            tokenizer.tokenizer,
            "convert_ids_to_tokens",
            lambda i: None if i == hole else convert(i),
        )
        assert tokenizer.piece_texts([hole, tokenizer.vocab_size]) == ["\ufffd", "●"]


def test_truncation_and_padding_left_on_by_the_checkpoint_are_switched_off() -> None:
    wrapped = toys.word_piece_tokenizer()
    wrapped.backend_tokenizer.enable_truncation(4)
    wrapped.backend_tokenizer.enable_padding(length=16)
    tokenizer = PieceTokenizer(wrapped)
    assert [len(ids) for ids in tokenizer.encode(["中" * 50, "国"])] == [50, 1]


def from_backend(model: models.Model, split: Any, **names: str) -> Any:
    """Return a tokenizer as people wrap their own; what it has for unknown characters is named only
    where `names` says so."""
    backend = Tokenizer(model)
    if split is not None:
        backend.pre_tokenizer = split
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", mask_token="<mask>", **names
    )


OWN = dict.fromkeys(["<pad>", "<mask>", "<unk>", *"aŋ(好坏"])
OWN_IDS = {piece: number for number, piece in enumerate(OWN)}
SPLIT = pre_tokenizers.BertPreTokenizer()


@pytest.mark.parametrize(
    "model",
    [
        models.BPE(OWN_IDS, [], unk_token="<unk>"),
        models.WordLevel(OWN_IDS, unk_token="<unk>"),
        models.Unigram([(piece, -1.0) for piece in OWN], unk_id=2),
    ],
)
def test_the_unknown_piece_of_the_tokenizer_file(model: models.Model) -> None:
    """A configuration need not name it."""
    tokenizer = PieceTokenizer(from_backend(model, SPLIT))
    assert tokenizer.unk_id == tokenizer.harmless_id == 2
    assert not tokenizer.writes("喜", tokenizer.encode(["喜"])[0])
    assert tokenizer.writes("好", tokenizer.encode(["好"])[0])


def test_characters_that_are_left_out_without_a_sign() -> None:
    """Byte pairs without an unknown piece drop them, whatever the configuration names."""
    plain = PieceTokenizer(from_backend(models.BPE(OWN_IDS, []), SPLIT, unk_token="<unk>"))
    plain.tokenizer.add_tokens(["喜欢"])
    letters = {letter: number for number, letter in enumerate([*OWN, "å", "¥", "½"])}
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    few_bytes = PieceTokenizer(from_backend(models.BPE(letters, []), level))
    whole = models.BPE(OWN_IDS | {"好吃": len(OWN)}, [], ignore_merges=True)
    for tokenizer, word, written in (
        (plain, "好", True),
        (plain, "好坏 好", True),
        (plain, "好喜", False),
        (plain, "喜", False),
        (plain, "喜欢", True),  # a piece of its own
        (few_bytes, "好", True),
        (few_bytes, "坏", False),  # one of its three bytes is there
        (PieceTokenizer(from_backend(whole, SPLIT)), "好吃", True),
        (PieceTokenizer(from_backend(models.BPE(OWN_IDS, []), None)), "好 坏", True),
        (toys.piece_tokenizer("byte_level"), "好喜 naïve", True),
        (toys.piece_tokenizer("wordpiece"), "Good", True),
        (toys.piece_tokenizer("wordpiece"), "", False),
        (toys.piece_tokenizer("python"), "好", True),
    ):
        (ids,) = tokenizer.encode([word])
        assert tokenizer.writes(word, ids) is written, (word, ids)


def test_a_tokenizer_without_an_unknown_piece_says_what_it_cannot_read() -> None:
    tokenizer = PieceTokenizer(
        from_backend(models.Unigram([(piece, -1.0) for piece in OWN]), SPLIT)
    )
    assert tokenizer.encode(["好"]) == [[OWN_IDS["好"]]]
    with pytest.raises(PetMtlError, match=r"cannot read a text: .*`unk_id` is missing") as caught:
        tokenizer.encode(["好喜"])
    assert "names no piece for such" in str(caught.value)
