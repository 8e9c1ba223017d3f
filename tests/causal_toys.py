"""Tiny random causal models and their tokenizers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import toys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
LLAMA = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
# family -> settings; the last ones are read branch by branch
FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": LLAMA | {"sliding_window": 96, "head_dim": 8},
    "qwen2": LLAMA,
    "qwen3": LLAMA | {"head_dim": 8},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "opt": LLAMA | {"ffn_dim": 48, "word_embed_proj_dim": 32, "num_key_value_heads": None},
    "gemma2": LLAMA | {"head_dim": 8, "final_logit_softcapping": 3.0, "sliding_window": 8},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
}
SPECIALS = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}


def build_causal(family: str, vocab_size: int, *, tied: bool = True) -> Any:
    """Build a random causal language model in eval mode, without dropout."""
    settings = {k: v for k, v in FAMILIES[family].items() if v is not None}
    config = AutoConfig.for_model(family, **settings, vocab_size=vocab_size, **SPECIALS)
    config.tie_word_embeddings = tied
    for key in config.to_dict():
        if key.endswith(("dropout", "pdrop")):
            setattr(config, key, 0.0)
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "mixer" in name and "proj" not in name:
                continue  # a state space must not grow
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            if parameter.ndim == 1:
                parameter.add_(0.5)
    return model.eval()


def gpt2_tokenizer() -> Any:
    """GPT-2's kind: byte pairs, one special token, no mask and no padding."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(toys.CORPUS * 5, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, unk_token=end
    )


def write_gpt2(folder: Path, pieces: Sequence[str], **config: Any) -> None:
    """Write a folder with a random GPT-2 and a tokenizer of characters, as Chinese ones have: with
    `[CLS]` before and `[SEP]` behind a text, and a mask that the model does not know."""
    from transformers import BertTokenizer, GPT2Config, GPT2LMHeadModel

    tokens = [*toys.BERT_SPECIALS, *pieces]
    BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    settings = {"vocab_size": len(tokens), **GPT2, **SPECIALS} | config
    GPT2LMHeadModel(GPT2Config(**settings)).save_pretrained(folder)
