"""Toy tokenizers, tasks and models: 2 layers, 32 hidden units, random weights far from
symmetric."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
)

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.suite.pattern import parse_pattern
from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

CHINESE = "中国新闻体育文化科技好坏是不这一条的类分天气真"
BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
CORPUS = [
    "It is good news .",
    "It is bad news !",
    "good,bad",
    "a sports story about sport",
    "Topic: is it good? bad?",
]


class PanicException(BaseException):
    """What Rust libraries raise where they gave up."""


def word_piece_tokenizer(extra: int = 0) -> Any:
    """Lower-casing BERT tokenizer; `extra` unused pieces come first, to push ids up."""
    pieces = [f"[unused{number}]" for number in range(extra)]
    pieces += [
        *BERT_SPECIALS,
        *CHINESE,
        *"abcdefghijklmnopqrstuvwxyz0123456789",
        *".,!?:;'\"()[]-，。：！？、",
    ]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"] + [
        "good",
        "bad",
        "news",
        "##ing",
    ]
    tokenizer = Tokenizer(
        models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, pieces.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _roberta_like(tokenizer: Tokenizer, **names: Any) -> Any:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    # as RoBERTa has it: the mask swallows the space before it
    mask = AddedToken("<mask>", lstrip=True, special=True, normalized=False)
    settings = {
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "sep_token": "</s>",
    } | names
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token=mask, **settings)


def byte_level_tokenizer() -> Any:
    """RoBERTa's kind: byte pairs, a space belongs to the word behind it."""
    from tokenizers import trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(ROBERTA_SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 5, trainer)
    return _roberta_like(tokenizer)


def metaspace_tokenizer() -> Any:
    """XLM-RoBERTa's kind: unigram pieces, `▁` for a space; the special tokens are pieces too."""
    pieces = [(name, 0.0) for name in ROBERTA_SPECIALS] + [("▁", -3.0)]
    pieces += [(letter, -5.0) for letter in CHINESE + "abcdefghijklmnopqrstuvwxyz.,!?:，。："]
    pieces += [
        ("good", -4.0),
        ("▁good", -3.0),
        ("▁news", -3.0),
        ("▁is", -3.0),
        ("体育", -4.0),
        ("▁I", -3.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return _roberta_like(tokenizer)


FUSED = "▁ ▁好 ▁的 ▁good ▁goo 好 的 新 闻 体 育 体育 ▁体育 是 ▁是 : 。 . , 難 " + " ".join(
    "abdegimnostuwxz"
)


def fused_tokenizer(kind: str, *, split_words: bool = False) -> Any:
    """XLM-R's, mDeBERTa's and CamemBERT's kind: word-start marks that are one piece with Chinese
    characters.

    Args:
        kind: unigram or bpe.
        split_words: words are split before they are marked, as converted XLM-R tokenizers do.
    """
    pieces = [*ROBERTA_SPECIALS, *FUSED.split()]
    if kind == "unigram":
        tokenizer = Tokenizer(
            models.Unigram(
                [(piece, -3.0 if piece[0] == "▁" else -5.0) for piece in pieces], unk_id=3
            )
        )
    else:
        pieces += ["go", "goo", "good"]
        merges = [("▁", "好"), ("▁", "的"), ("体", "育"), ("▁", "体育"), ("▁", "是")]
        merges += [("g", "o"), ("go", "o"), ("▁", "goo"), ("▁goo", "d"), ("goo", "d")]
        tokenizer = Tokenizer(
            models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>")
        )
    marks = pre_tokenizers.Metaspace()
    split = pre_tokenizers.WhitespaceSplit()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, marks]) if split_words else marks
    tokenizer.decoder = decoders.Metaspace()
    return _roberta_like(tokenizer)


class PythonTokenizer(PreTrainedTokenizer):
    """A tokenizer without a Rust backend: one character, one piece."""

    def __init__(self, **names: Any) -> None:
        pieces = [*BERT_SPECIALS, *CHINESE, *"abcdefghijklmnopqrstuvwxyz[]"]
        self._ids = {piece: number for number, piece in enumerate(pieces)}
        self._pieces = pieces
        super().__init__(
            unk_token="[UNK]",
            pad_token="[PAD]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
            **names,
        )

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    def get_vocab(self) -> dict[str, int]:
        return dict(self._ids)

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [letter for letter in text.lower() if not letter.isspace()]

    def _convert_token_to_id(self, token: str) -> int:
        return self._ids.get(token, self._ids["[UNK]"])

    def _convert_id_to_token(self, index: int) -> str:
        return self._pieces[index]

    def build_inputs_with_special_tokens(
        self, ids: list[int], pair: list[int] | None = None
    ) -> list[int]:
        return [self._ids["[CLS]"], *ids, self._ids["[SEP]"]]


MAKERS = {
    "wordpiece": word_piece_tokenizer,
    "byte_level": byte_level_tokenizer,
    "metaspace": metaspace_tokenizer,
    "python": PythonTokenizer,
}


@cache
def piece_tokenizer(kind: str) -> PieceTokenizer:
    return PieceTokenizer(MAKERS[kind]())


def make_verbalizer(words: dict[str, Sequence[str]]) -> Verbalizer:
    return Verbalizer(
        labels=tuple(words),
        words=tuple(map(tuple, words.values())),
        source="toy.txt",
        lines=tuple(range(1, len(words) + 1)),
    )


def make_task(
    patterns: str | Sequence[str], words: dict[str, Sequence[str]], name: str = "toy", **more: Any
) -> TaskSpec:
    patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    fields = sorted({field for pattern in patterns for field in parse_pattern(pattern).fields})
    columns = {field: number for number, field in enumerate([*fields, "label"])}
    verbalizer = make_verbalizer(words)
    return TaskSpec(
        name=name,
        patterns=patterns,
        verbalizer=verbalizer,
        columns=columns,
        data=DataSpec(train=("train.tsv",)),
        **more,
    )


SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
    "cls_token_id": None,
    "sep_token_id": None,
}
# family -> settings beyond SIZE
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", {}),
    "ernie": ("ernie", {}),
    "ernie-task-ids": ("ernie", {"use_task_id": True}),
    "roberta": ("roberta", {"pad_token_id": 1}),
    "xlm-roberta": ("xlm-roberta", {"pad_token_id": 1}),
    "camembert": ("camembert", {"pad_token_id": 1}),
    "modernbert": ("modernbert", {"global_attn_every_n_layers": 2, "local_attention": 8}),
    "albert": ("albert", {"embedding_size": 16}),
    "electra": ("electra", {"embedding_size": 16}),
    "electra-wide": ("electra", {"embedding_size": 32}),
    "distilbert": ("distilbert", {}),
    "deberta-v2": (
        "deberta-v2",
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    ),
    "deberta-v2-new-head": ("deberta-v2", {"legacy": False}),
}


def write_bert(folder: Path, pieces: Sequence[str], **config: Any) -> None:
    """Write a folder with a random BERT, dropout 0.1, and a tokenizer of the special tokens and
    `pieces`."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    tokens = [*BERT_SPECIALS, *pieces]
    BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    size = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
    }
    settings = {"vocab_size": len(tokens), "max_position_embeddings": 40} | size | config
    BertForMaskedLM(BertConfig(**settings)).save_pretrained(folder)


def build_mlm(
    family: str, vocab_size: int = 60, *, dropout: float = 0.0, untied: bool = False
) -> Any:
    """Build a random masked language model in eval mode; every parameter is drawn, norms and biases
    too."""
    model_type, more = FAMILIES.get(family, (family, {}))
    config = AutoConfig.for_model(model_type, **(SIZE | {"vocab_size": vocab_size} | more))
    for key in config.to_dict():
        if key.endswith(("dropout", "dropout_prob")):
            setattr(config, key, dropout)
    if untied:
        config.tie_word_embeddings = False
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = AutoModelForMaskedLM.from_config(config)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            if parameter.ndim == 1:
                parameter.add_(0.5)
    return model.eval()
