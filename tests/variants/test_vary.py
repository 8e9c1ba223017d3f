"""Texts varied by a masked language model, against the slow obvious way."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.storage.pretrained import load_pieces
from pet_mtl.variants.stand_ins import StandIns
from pet_mtl.variants.vary import Varier

TEXTS = ["中国新闻好！", "good news, 体育", "……", "天气不好", "abc 类", ""]
OTHERS = ["科技文化", "这是一条新闻", "好", "good", "坏", "天"]


def _mlm(tokenizer: PieceTokenizer, family: str = "bert") -> object:
    return toys.build_mlm(family, tokenizer.vocab_size)


def _varier(tokenizer: PieceTokenizer, family: str = "bert") -> Varier:
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    return Varier(Backbone(_mlm(tokenizer, family)), tokenizer, machine)


def test_one_row_at_a_time_gives_the_same(word_pieces: PieceTokenizer) -> None:
    """Each row alone, the model read as transformers does, the whole vocabulary looked at."""
    rows = list(zip(OTHERS, TEXTS, strict=True))
    found = _varier(word_pieces).vary(rows, -1, 0.4, np.random.default_rng(5), "toy")
    generator, tokenizer = np.random.default_rng(5), word_pieces.tokenizer
    mlm = toys.build_mlm("bert", word_pieces.vocab_size)
    for (other, text), varied in zip(rows, found, strict=True):
        pieces = tokenizer.convert_ids_to_tokens(word_pieces.encode([text])[0])
        free = [n for n, piece in enumerate(pieces) if piece.removeprefix("##").isalnum()]
        if not free:
            assert varied is None
            continue
        count = max(1, round(0.4 * len(free)))
        chosen = sorted(generator.choice(free, count, replace=False))
        draws = generator.random(count)
        masked = ["[MASK]" if n in chosen else piece for n, piece in enumerate(pieces)]
        beside = tokenizer.convert_ids_to_tokens(word_pieces.encode([other])[0])
        read = ["[CLS]", *masked, "[SEP]", *beside, "[SEP]"]
        with torch.no_grad():
            ids = torch.tensor([tokenizer.convert_tokens_to_ids(read)])
            logits = mlm(input_ids=ids).logits[0]
        for place, draw in zip(chosen, draws, strict=True):
            inside = pieces[place].startswith("##")
            likely = sorted(
                (
                    (-float(logits[place + 1, number]), number, piece)
                    for piece, number in tokenizer.get_vocab().items()
                    if piece.removeprefix("##").isalnum()
                    and piece.startswith("##") == inside
                    and piece != pieces[place]
                ),
            )[:12]
            shares = np.exp([-energy for energy, _, _ in likely])
            at = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], draw, side="right")
            pieces[place] = likely[at][2]
        joined = "".join(piece.removeprefix("##") for piece in pieces)
        assert varied is not None
        assert varied.replace(" ", "") == joined


@pytest.mark.parametrize("inside", [[], ["##b"], ["##b", "##c", "##d", "##e"]])
def test_of_few_pieces_of_a_kind_no_other_is_drawn(tmp_path: Path, inside: list[str]) -> None:
    """Rounded, the shares of those that may be drawn add up to less than a draw may be."""
    toys.write_bert(tmp_path, ["a", "天", "地", *"，。！？", *inside])
    last = SimpleNamespace(
        random=lambda count: np.full(count, np.nextafter(1, 0)),
        choice=lambda places, count, **_: np.array(places[-count:]),
    )
    rows = [("天" * count + "ab",) for count in range(30)]
    found = _varier(load_pieces(str(tmp_path))).vary(rows, 0, 0.001, last, "toy")  # type: ignore[arg-type]
    assert {*"".join(filter(None, found))} <= {*"天地ab", *"".join(inside).replace("#", "")}


def test_what_is_not_replaced_stays_letter_for_letter(word_pieces: PieceTokenizer) -> None:
    text = "GOOD,  [MASK] 中…国\u3000！"
    (varied,) = _varier(word_pieces).vary([(text,)], 0, 0.01, np.random.default_rng(1), "toy")
    assert varied is not None
    assert varied != text
    before = next(n for n, pair in enumerate(zip(text, varied, strict=False)) if len({*pair}) > 1)
    behind = next(n for n in range(len(text)) if text[-1 - n] != varied[-1 - n])
    assert len(text) - before - behind <= len("GOOD")  # one piece
    assert "  " in varied
    assert "…" in varied


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "metaspace"])
def test_pieces_of_every_family_of_tokenizers(kind: str) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    texts = ["It is good news", "is it bad ? yes", "a sports story"]
    found = _varier(tokenizer, "roberta" if kind != "wordpiece" else "bert").vary(
        [(text,) for text in texts], 0, 0.5, np.random.default_rng(1), "toy"
    )
    for text, varied in zip(texts, found, strict=True):
        assert varied is not None
        assert varied.lower() != text.lower()
        assert not {"#", "▁", "Ġ", "[", "<"} & set(varied)


def test_only_pieces_that_read_as_their_place_are_replaced(byte_level: PieceTokenizer) -> None:
    stand_ins = StandIns(byte_level)
    ((ids, spans),) = byte_level.encode_placed(["天 good"])  # 天 is three bytes
    places = stand_ins.places("天 good", ids, spans)
    assert [stand_ins.texts[ids[place]] for place in places] == byte_level.piece_texts(ids[3:])


def test_nothing_is_dropped_out(word_pieces: PieceTokenizer) -> None:
    machine = Machine.choose("fp32", "eager", torch.device("cpu"))
    rows, found = list(zip(OTHERS, TEXTS, strict=True)), []
    for training in (False, True):
        mlm = toys.build_mlm("bert", word_pieces.vocab_size, dropout=0.4).train(training)
        varier = Varier(Backbone(mlm), word_pieces, machine)
        found.append(varier.vary(rows, 0, 0.9, np.random.default_rng(3), "toy"))
    assert found[0] == found[1]


def test_batches_change_nothing(
    word_pieces: PieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(zip(OTHERS, TEXTS, strict=True)) * 4
    varier = _varier(word_pieces)
    whole = varier.vary(rows, 0, 0.3, np.random.default_rng(2), "toy")
    monkeypatch.setattr("pet_mtl.variants.vary._TOKENS", 1)
    monkeypatch.setattr("pet_mtl.variants.vary._BLOCK", 5)
    assert varier.vary(rows, 0, 0.3, np.random.default_rng(2), "toy") == whole


def test_long_texts_are_read_from_their_start(word_pieces: PieceTokenizer) -> None:
    text = "天" * 500
    (varied,) = _varier(word_pieces).vary([(text,)], 0, 1.0, np.random.default_rng(1), "toy")
    assert varied is not None
    assert varied.endswith("天" * 400)
    assert varied.count("天") < 500


def test_of_a_very_long_text_the_start_is_cut_into_pieces(
    word_pieces: PieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces and their places of a million characters would take hundreds of megabytes."""
    lengths = []
    encode = PieceTokenizer.encode_placed

    def note(tokenizer: PieceTokenizer, texts: list[str]) -> object:
        lengths.extend(map(len, texts))
        return encode(tokenizer, texts)

    monkeypatch.setattr(PieceTokenizer, "encode_placed", note)
    (varied,) = _varier(word_pieces).vary(
        [("天" * 1_000_000,)], 0, 0.1, np.random.default_rng(1), "toy"
    )
    assert varied is not None
    assert len(varied) == 1_000_000
    assert max(lengths) < 10_000


def test_a_tokenizer_that_does_not_tell_places(tmp_path: Path) -> None:
    tokenizer = PieceTokenizer(toys.word_piece_tokenizer())
    tokenizer._backend = None
    with pytest.raises(PetMtlError, match="does not tell where its pieces stand"):
        tokenizer.encode_placed(["天"])
