import torch
from kinds import build, label_words, logits_at_slots, reader_of, scores
from torch.nn.functional import cosine_similarity

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.verbalizers.label_rows import label_rows
from pet_mtl.model.verbalizers.prototypical import Prototypical


@torch.no_grad()
def test_scores_equal_the_loops(word_pieces: PieceTokenizer) -> None:
    model, prompts = build(word_pieces, {"name": "prototypical", "size": 6})
    reader = reader_of(model)
    assert isinstance(reader, Prototypical)
    reader.prototypes.mul_(3)  # only their direction counts
    reader.log_scale.fill_(0.7)
    found = scores(model, prompts, word_pieces)
    for item in range(len(prompts)):
        states = logits_at_slots(model, prompts, item, 4, word_pieces.mask_id)[0].flatten()
        projected = torch.stack([row @ states for row in reader.projection])
        for label in range(3):
            wanted = torch.tensor(0.7).exp() * cosine_similarity(
                projected, reader.prototypes[label], dim=0
            )
            torch.testing.assert_close(found[item, label], wanted, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_prototypes_start_from_the_label_words(word_pieces: PieceTokenizer) -> None:
    """In a space as wide as the states, angles between prototypes are nearly those between decoder
    rows."""
    model, _ = build(word_pieces, {"name": "prototypical", "size": 4096})
    reader = reader_of(model)
    assert isinstance(reader, Prototypical)
    words = label_words(word_pieces, "prototypical")[0]
    rows = label_rows(model.backbone.head, words)[0].flatten(1)
    rows = rows - rows.mean(0)
    for one in range(3):
        for other in range(3):
            wanted = cosine_similarity(rows[one], rows[other], dim=0)
            got = cosine_similarity(reader.prototypes[one], reader.prototypes[other], dim=0)
            assert abs(float(got - wanted)) < 0.1


@torch.no_grad()
def test_label_rows_are_means_over_words(word_pieces: PieceTokenizer) -> None:
    model, _ = build(word_pieces, "soft")
    words, decoder = label_words(word_pieces, "soft")[0], model.backbone.mlm.cls.predictions.decoder
    rows, biases = label_rows(model.backbone.head, words)
    for label in range(3):
        own = [
            pieces
            for pieces, owner in zip(words.pieces, words.labels, strict=True)
            if owner == label
        ]
        for slot in range(4):
            wanted = torch.stack([decoder.weight[pieces[slot]] for pieces in own]).mean(0)
            torch.testing.assert_close(rows[label, slot], wanted)
            torch.testing.assert_close(
                biases[label, slot],
                torch.stack([decoder.bias[pieces[slot]] for pieces in own]).mean(),
            )
