"""Another vocabulary for a model: each new row is the mean of the old rows of its text."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import toys
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    PreTrainedTokenizerFast,
)

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.other_vocabulary import give_vocabulary, piece_sources
from pet_mtl.resources import bundled_backbone

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def unigram(pieces: list[str], special: list[str] = SPECIAL) -> PieceTokenizer:
    vocabulary = [(piece, 0.0) for piece in special] + [
        (piece, -5.0 - len(special) / 9) for piece in pieces
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=special.index("[UNK]")))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = {f"{piece[1:-1].lower()}_token": piece for piece in special}
    return PieceTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names))


OLD = ["难", "过", "伤", "心", "心情", "天天"]
NEW = ["过", "难过", "情", "伤", "鱼", "天"]


def mlm(size: int) -> Any:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=size,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    )
    model = BertForMaskedLM(config).eval()
    with torch.no_grad():
        model.get_output_embeddings().bias.normal_()
    return model


def test_each_piece_is_the_mean_of_the_old_pieces_of_its_text() -> None:
    old, new = (
        unigram(OLD),
        unigram(NEW, [*SPECIAL[1:], SPECIAL[0]]),
    )  # the special tokens have other ids
    model = mlm(old.vocab_size)
    before, bias = (
        model.get_input_embeddings().weight.detach().clone(),
        model.get_output_embeddings().bias.detach().clone(),
    )
    give_vocabulary(model, old, new)
    ids, rows = new.tokenizer.get_vocab(), model.get_input_embeddings().weight
    known = old.tokenizer.get_vocab()
    expected = {
        "过": before[known["过"]],
        "难过": (before[known["难"]] + before[known["过"]]) / 2,
        "情": before[known["心情"]],  # unknown: the pieces that contain it
        "天": before[known["天天"]],
        "鱼": before.mean(0),  # nothing contains it
        "[MASK]": before[known["[MASK]"]],
        "[PAD]": before[known["[PAD]"]],
    }
    for piece, row in expected.items():
        torch.testing.assert_close(rows[ids[piece]], row)
    decoder = model.get_output_embeddings()
    biases = decoder.bias.detach()
    assert decoder.weight is rows  # still tied
    assert model.config.vocab_size == new.vocab_size == len(decoder.bias)
    assert model.config.pad_token_id == new.pad_id
    assert float(biases[ids["难过"]]) == float(min(bias[known["难"]], bias[known["过"]]))
    assert float(biases[ids["过"]]) == float(bias[known["过"]])


def test_the_mark_of_a_piece_inside_a_word_is_no_character_that_old_pieces_contain() -> None:
    def word_pieces(pieces: list[str]) -> PieceTokenizer:
        vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *pieces])}
        return PieceTokenizer(BertTokenizer(vocab=vocabulary))

    old = word_pieces(["心", "##ing", "##s", "##鱼"])  # no piece `#`
    new = word_pieces(["##龘", "##鱼龘"])
    known = old.tokenizer.get_vocab()
    assert piece_sources(old, new)[len(SPECIAL) :] == [[], [known["##鱼"]]]


def test_the_same_vocabulary_changes_nothing() -> None:
    old = unigram(OLD)
    assert piece_sources(old, old) == [[i] for i in range(old.vocab_size)]
    model, plain = mlm(old.vocab_size), mlm(old.vocab_size)
    give_vocabulary(model, old, old)
    ids = torch.arange(old.vocab_size)[None]
    torch.testing.assert_close(model(input_ids=ids).logits, plain(input_ids=ids).logits)


@pytest.mark.parametrize("family", ["roberta", "mpnet"])
def test_positions_that_count_from_the_padding_stay_where_they_are(
    family: str, tmp_path: Path
) -> None:
    special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]  # RoBERTa's padding is number 1
    old, new = unigram(OLD, special), unigram(list(reversed(OLD)), special)
    model = toys.build_mlm(family, old.vocab_size)
    other = unigram(OLD)
    with pytest.raises(PetMtlError, match=r"padding piece, number 1, .* is number 0"):
        give_vocabulary(model, old, other)

    def logits(mlm: Any, tokenizer: PieceTokenizer) -> Tensor:
        ids = torch.tensor([tokenizer.tokenizer.convert_tokens_to_ids(OLD)])
        order = tokenizer.tokenizer.convert_tokens_to_ids([*special, *OLD])
        with torch.no_grad():
            found: Tensor = mlm(input_ids=ids).logits[0][:, order]
        return found

    wanted = logits(model, old)
    give_vocabulary(model, old, new)
    model.save_pretrained(tmp_path)
    for mlm in (model, AutoModelForMaskedLM.from_pretrained(tmp_path)):
        torch.testing.assert_close(logits(mlm, new), wanted)


@pytest.mark.parametrize("name", ["zh-mini", "zh-small"])
def test_embedded_label_words_are_known(name: str) -> None:
    """The label words that are shipped fall into no unknown piece of an embedded backbone."""
    from transformers import AutoTokenizer

    folder = bundled_backbone(name)
    assert folder is not None
    tokenizer = PieceTokenizer(AutoTokenizer.from_pretrained(folder))
    words = ["难过", "伤心", "恶心", "没想到", "股票", "所以", "不过"]
    assert all(tokenizer.unk_id not in ids for ids in tokenizer.encode(words))
    config = json.loads((folder / "config.json").read_text())
    assert config["vocab_size"] == tokenizer.vocab_size
