"""Whether a model can teach another one, and what exactly it teaches."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.model.slot_encoder import fits_slot_encoder
from pet_mtl.pretraining.teacher import Lesson
from pet_mtl.pretraining.teacher_settings import TeacherSettings

_ROLES = ("pad", "unk", "cls", "sep", "bos", "eos", "mask")


def check_same_vocabulary(own: PieceTokenizer, its: PieceTokenizer, where: str) -> None:
    """Refuse a teacher whose ids mean other pieces: it could not read the rows.

    Raises:
        PetMtlError: with the first piece that differs.
    """
    ours, theirs = own.tokenizer.get_vocab(), its.tokenizer.get_vocab()
    hint = "give the model the teacher's: `--tokenizer TEACHER`, or with a recipe "
    hint += "`-s vocabulary.tokenizer=TEACHER`"
    if ours != theirs:
        pieces = sorted(set(ours) | set(theirs), key=lambda p: (ours.get(p, -1), theirs.get(p, -1)))
        piece = next(p for p in pieces if ours.get(p) != theirs.get(p))
        raise PetMtlError(
            f"the vocabularies do not agree: `{piece}` is {_number(ours.get(piece))} of the "
            f"model's {len(ours):,} pieces and {_number(theirs.get(piece))} of the teacher's "
            f"{len(theirs):,}",
            where=where,
            hint=hint,
        )
    for role in _ROLES:
        mine, other = (getattr(t.tokenizer, f"{role}_token_id") for t in (own, its))
        if mine != other:
            raise PetMtlError(
                f"the vocabularies do not agree: the model's {role} token is "
                f"{_number(mine)}, the teacher's {_number(other)}",
                where=where,
                hint=hint,
            )


def _number(i: int | None) -> str:
    return "none" if i is None else f"number {i}"


def find_lesson(settings: TeacherSettings, mlm: Any, teacher: Any, where: str) -> Lesson:
    """Return what a model can learn from a teacher by these settings.

    Without `layers`, the last layer learns the relations of the teacher's last one, and each layer
    the states of the layer as far up in the teacher.

    Raises:
        PetMtlError: a family does not show its layers; a layer does not exist; the widths do not
            fit; the decoders have other sizes.
    """
    weights = {
        name: weight
        for name in ("logits", "relations", "states")
        if (weight := getattr(settings, name))
    }
    problems = ProblemList()
    both = (mlm, teacher)
    inside = [name for name in ("relations", "states") if name in weights]
    for model, whose in zip(both, ("the model", "the teacher"), strict=True):
        if inside and not fits_slot_encoder(model):
            problems.add(
                f"{whose} is of the family `{model.config.model_type}`, whose layers cannot be "
                f"read for {' and '.join(f'`{name}`' for name in inside)}",
                where=where,
                hint="set "
                + " ".join(f"-s teacher.{name}=0" for name in inside)
                + " and learn the logits alone",
            )
    problems.raise_if_any()
    depth, its_depth = (model.config.num_hidden_layers for model in both)
    width, its_width = (model.config.hidden_size for model in both)
    pieces, its_pieces = (model.config.vocab_size for model in both)
    if "logits" in weights and pieces != its_pieces:
        problems.add(
            f"the model scores {pieces:,} pieces, the teacher {its_pieces:,}",
            where=where,
            hint="set -s teacher.logits=0, or give both as many rows",
        )
    for mine, other in (settings.layers or {}).items():
        for layer, most, whose in ((mine, depth, "the model"), (other, its_depth, "the teacher")):
            if not 0 <= layer < most:
                problems.add(
                    f"there is no layer {layer}: {whose} has the layers 0 to {most - 1}",
                    where="-s teacher.layers",
                )
    if "states" in weights and width != its_width:
        problems.add(
            f"states of {its_width} numbers cannot be learned by a model with {width}",
            where=where,
            hint="learn `relations` instead (-s teacher.states=0), which fit any width",
        )
    heads = settings.relation_heads
    if heads is not None and (width % heads or its_width % heads):
        problems.add(
            f"{heads} heads do not fit the widths {width} and {its_width}",
            where="-s teacher.relation_heads",
            hint=f"choose a divisor of {math.gcd(width, its_width)}",
        )
    problems.raise_if_any()
    mapped = None if settings.layers is None else tuple(sorted(settings.layers.items()))
    return Lesson(
        mlm=settings.mlm,
        weights=weights,
        pairs={
            name: mapped or pairs
            for name, pairs in (
                ("relations", ((depth - 1, its_depth - 1),)),
                ("states", evenly(depth, its_depth)),
            )
            if name in weights
        },
        parts=settings.parts,
        heads=heads or shared_heads(width, its_width, teacher.config.num_attention_heads)
        if inside
        else 1,
        temperature=settings.temperature,
    )


def evenly(depth: int, its_depth: int) -> Sequence[tuple[int, int]]:
    """Map each layer to the teacher's layer as far up.

    >>> evenly(3, 12), evenly(2, 2)
    (((0, 3), (1, 7), (2, 11)), ((0, 0), (1, 1)))
    """
    return tuple(
        (layer, max(0, round((layer + 1) * its_depth / depth) - 1)) for layer in range(depth)
    )


def shared_heads(width: int, its_width: int, most: int) -> int:
    """Return the most heads, no more than the teacher has, that divide both widths.

    >>> shared_heads(256, 384, 12), shared_heads(384, 384, 12)
    (8, 12)
    """
    common = math.gcd(width, its_width)
    return max(heads for heads in range(1, most + 1) if common % heads == 0)


def weights_digest(mlm: Any) -> str:
    """Return a digest of a model's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(mlm.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
