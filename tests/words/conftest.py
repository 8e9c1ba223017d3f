import pytest
from one_thread import one_thread  # noqa: F401
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from pet_mtl.cloze.tokenizer import PieceTokenizer


@pytest.fixture(scope="session")
def dropping() -> PieceTokenizer:
    """A tokenizer that leaves out the characters which it does not know."""
    pieces = ["<pad>", "<mask>", *"好坏体育新闻这是：，"]
    model = models.BPE({piece: number for number, piece in enumerate(pieces)}, [])
    return PieceTokenizer(
        PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(model), pad_token="<pad>", mask_token="<mask>"
        )
    )
