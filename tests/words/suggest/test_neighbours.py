import numpy as np
import pytest
import torch
import toys

from pet_mtl.words.suggest.neighbours import neighbour_scores

WORDS = ["好", "坏", "体育", "中国", "文"]


@pytest.mark.parametrize(
    ("kind", "space"), [("wordpiece", False), ("byte_level", False), ("byte_level", True)]
)
def test_the_score_is_the_cosine_with_the_nearest_own_word(kind: str, space: bool) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    mlm = toys.build_mlm("bert", tokenizer.vocab_size)
    found = neighbour_scores(mlm, tokenizer, WORDS, [(0, 2), (1,)], space_before=space)
    table = mlm.get_input_embeddings().weight.detach().numpy()
    vectors = np.stack([table[ids].mean(0) for ids in tokenizer.encode(WORDS, space_before=space)])
    vectors -= vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [np.maximum(vectors @ vectors[0], vectors @ vectors[2]), vectors @ vectors[1]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_piece_with_the_same_embedding_is_the_nearest() -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    mlm = toys.build_mlm("bert", tokenizer.vocab_size)
    (one,), (two,) = tokenizer.encode(["好", "文"])
    with torch.no_grad():
        mlm.get_input_embeddings().weight[two] = mlm.get_input_embeddings().weight[one]
    found = neighbour_scores(mlm, tokenizer, WORDS, [(0,), (1,)])
    assert found[0].argsort()[-2:].tolist() in ([0, 4], [4, 0])
