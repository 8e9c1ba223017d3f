"""Tiny tokenizers of the families that masked language models have, made here."""

from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from pet_mtl.cloze.tokenizer import PieceTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKS = ".,!?:;()'\"-，。：！？（）"
CHINESE = "好新闻体育是的很天气真这一条评论"
WORDS = ["good", "bad", "news", "great", "It", "was"]
BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def _wrapped(tokenizer: Tokenizer, names: tuple[str, ...], **mask: Any) -> PieceTokenizer:
    pad, unk, start, end = (
        (names[0], names[1], names[2], names[3])
        if names is BERT
        else (names[1], names[3], names[0], names[2])
    )
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (start, end)],
    )
    return PieceTokenizer(
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token=pad,
            unk_token=unk,
            cls_token=start,
            sep_token=end,
            mask_token=AddedToken(names[4], special=True, normalized=False, **mask),
        )
    )


def word_piece(
    *,
    normalizer: Any = None,
    pre_tokenizer: Any = None,
    prefix: str = "##",
    added: tuple[AddedToken, ...] = (),
) -> PieceTokenizer:
    characters = [*LETTERS, *CAPITALS, *MARKS, *CHINESE]
    pieces = [*BERT, *characters, *(prefix + letter for letter in characters)]
    pieces += [
        *WORDS,
        *(word.lower() for word in WORDS),
        f"{prefix}ing",
        f"{prefix}ood",
        "体育",
        f"{prefix}育",
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=prefix)
    )
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.BertPreTokenizer()
    tokenizer.add_tokens(list(added))
    return _wrapped(tokenizer, BERT)


def byte_level(
    *, prefix: bool = False, normalizer: Any = None, split: Any = None, lstrip: bool = True
) -> PieceTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [
        ("o", "o"),
        ("g", "oo"),
        ("goo", "d"),
        ("Ġ", "goo"),
        ("Ġgoo", "d"),
        ("Ġ", "n"),
        ("Ġn", "e"),
    ]
    merges += [
        ("b", "a"),
        ("ba", "d"),
        ("Ġ", "ba"),
        ("Ġba", "d"),
        ("å", "¥"),
        ("å¥", "½"),
        ("Ġ", "å¥½"),
    ]
    pieces = [*ROBERTA, *alphabet, *(left + right for left, right in merges)]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=split is None)
    tokenizer.pre_tokenizer = level if split is None else pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return _wrapped(tokenizer, ROBERTA, lstrip=lstrip)


def metaspace(
    *,
    model: str = "unigram",
    scheme: str = "always",
    fused: bool = True,
    split_words: bool = False,
    normalizer: Any = None,
    replace: bool = False,
    bytes_too: bool = False,
) -> PieceTokenizer:
    pieces = [
        *ROBERTA,
        "▁",
        *LETTERS,
        *CAPITALS,
        *MARKS,
        *CHINESE,
        "goo",
        "good",
        "▁goo",
        "▁good",
        "▁was",
    ]
    merges = [
        ("o", "o"),
        ("g", "oo"),
        ("goo", "d"),
        ("▁", "goo"),
        ("▁goo", "d"),
        ("▁", "w"),
        ("▁w", "a"),
        ("▁wa", "s"),
        ("体", "育"),
    ]
    pieces += ["体育", "oo", "▁w", "▁wa"]
    if fused:
        pieces += ["▁好", "▁的", "▁体育", "▁("]
        merges += [("▁", "好"), ("▁", "的"), ("▁", "体育"), ("▁", "(")]
    if bytes_too:
        pieces += [f"<0x{byte:02X}>" for byte in range(256)]
    if model == "unigram":
        scored = [(piece, -3.0 - 2.0 * (len(piece) == 1)) for piece in pieces]
        tokenizer = Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=bytes_too))
    else:
        tokenizer = Tokenizer(
            models.BPE(
                {piece: i for i, piece in enumerate(pieces)},
                merges,
                unk_token="<unk>",
                fuse_unk=True,
                byte_fallback=bytes_too,
            )
        )
    if replace:  # as Llama's older files have it: the mark is put in by the normaliser
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        marks = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        split = pre_tokenizers.WhitespaceSplit()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, marks]) if split_words else marks
    tokenizer.decoder = decoders.Metaspace()
    return _wrapped(tokenizer, ROBERTA, lstrip=True)


def char_bpe() -> PieceTokenizer:
    ends = [f"{letter}</w>" for letter in [*LETTERS, *MARKS, *CHINESE]]
    merges = [("o", "o"), ("g", "oo"), ("goo", "d</w>"), ("goo", "d")]
    pieces = [*ROBERTA, *LETTERS, *MARKS, *CHINESE, *ends, "oo", "goo", "good</w>", "good"]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(pieces)},
            merges,
            unk_token="<unk>",
            end_of_word_suffix="</w>",
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _wrapped(tokenizer, ROBERTA)


def _albert() -> Any:
    return normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
        ]
    )


BERT_LIKE = normalizers.BertNormalizer
FAMILIES: dict[str, Callable[[], PieceTokenizer]] = {
    "bert-uncased": lambda: word_piece(normalizer=BERT_LIKE(lowercase=True)),
    "bert-cased": lambda: word_piece(normalizer=BERT_LIKE(lowercase=False)),
    "bert-chinese-whole": lambda: word_piece(
        normalizer=BERT_LIKE(lowercase=True, handle_chinese_chars=False)
    ),
    "electra": lambda: word_piece(normalizer=BERT_LIKE(lowercase=True, strip_accents=True)),
    "mpnet": lambda: word_piece(
        normalizer=normalizers.Sequence([normalizers.NFKC(), BERT_LIKE(lowercase=True)])
    ),
    "macbert": lambda: word_piece(
        normalizer=BERT_LIKE(lowercase=True),
        added=(AddedToken("很真", normalized=False), AddedToken("news", single_word=True)),
    ),
    "ernie": lambda: word_piece(
        normalizer=BERT_LIKE(lowercase=True),
        added=(AddedToken("论坛", lstrip=True, rstrip=True),),
    ),
    "whitespace-wordpiece": lambda: word_piece(
        pre_tokenizer=pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
        )
    ),
    "roberta": byte_level,
    "roberta-prefix": lambda: byte_level(prefix=True),
    "modernbert": lambda: byte_level(normalizer=normalizers.NFC(), lstrip=True),
    "luke": lambda: byte_level(lstrip=False),
    "longformer-strip": lambda: byte_level(normalizer=normalizers.Strip()),
    "gpt-2": lambda: byte_level(lstrip=False),
    "qwen-like": lambda: byte_level(
        normalizer=normalizers.NFC(),
        split=pre_tokenizers.Split(
            Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"
        ),
    ),
    "xlm-r": metaspace,
    "xlm-r-plain": lambda: metaspace(fused=False),
    "xlm-r-split": lambda: metaspace(split_words=True),
    "camembert": lambda: metaspace(normalizer=normalizers.Replace(Regex(" {2,}"), " ")),
    "mdeberta": lambda: metaspace(
        normalizer=normalizers.Sequence([normalizers.Strip(), normalizers.NFKC()])
    ),
    "deberta-v2": lambda: metaspace(fused=False, scheme="first"),
    "albert": lambda: metaspace(normalizer=_albert(), fused=False),
    "xlnet": lambda: metaspace(
        normalizer=normalizers.Sequence(
            [
                normalizers.NFKD(),
                normalizers.StripAccents(),
                normalizers.Replace(Regex(" {2,}"), " "),
            ]
        )
    ),
    "t5": lambda: metaspace(scheme="first", bytes_too=True),
    "fnet": lambda: metaspace(normalizer=_albert(), scheme="always"),
    "big-bird": lambda: metaspace(scheme="never"),
    "bpe-marks": lambda: metaspace(model="bpe"),
    "bpe-marks-first": lambda: metaspace(model="bpe", scheme="first"),
    "bpe-marks-never": lambda: metaspace(model="bpe", scheme="never"),
    "llama-old": lambda: metaspace(model="bpe", replace=True, bytes_too=True),
    "llama": lambda: metaspace(model="bpe", scheme="first", bytes_too=True),
    "char-bpe": char_bpe,
}


@cache
def family(name: str) -> PieceTokenizer:
    return FAMILIES[name]()
