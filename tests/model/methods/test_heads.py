import math
from itertools import product
from typing import Any

import pytest
import torch
import toys
from toy_methods import batches, encode, make_model, make_suite, score

from pet_mtl.errors import PetMtlError
from pet_mtl.model.methods.heads import HeadsModel
from pet_mtl.model.task_model import TaskModel

FEATURES: list[Any] = ["cls", "pooled", "mean", "max", "attention", {"layers": [1, -1]}]
SHARING = ["hard", "soft", "shared-private", "mmoe", "ple", "moe", "snr"]


def mlm(family: str = "bert", dropout: float = 0.0) -> Any:
    return toys.build_mlm(family, toys.piece_tokenizer("wordpiece").vocab_size, dropout=dropout)


def fill(model: TaskModel, seed: int = 5) -> None:
    """Draw what a method adds, biases and mixing weights too, and pull copies of an encoder
    apart."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("own.") or name.startswith("encoders.1."):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def slow(model: HeadsModel, prompts: Any, item: int) -> torch.Tensor:
    """Return the label scores of one row, run alone by transformers without padding."""
    ids = torch.tensor([prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()])
    task, more = int(prompts.form[item]), {}
    if model.encoders[0].base.config.model_type in ("bert", "ernie", "electra", "albert"):
        first = ids[0].tolist().index(3) + 1  # behind the first separator
        more = {"token_type_ids": torch.tensor([[0] * first + [1] * (ids.shape[1] - first)])}
    number = task if len(model.encoders) > 1 else 0
    output = model.encoders[number].base(
        input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, **more
    )
    features, tokens = model.own.features[number], output.last_hidden_state
    layered = hasattr(features, "layers")
    vector = features(output.hidden_states if layered else tokens, torch.ones_like(ids))
    return model.own.decoders[task](model.own.sharing(vector, task), tokens, torch.ones_like(ids))[
        0
    ]


@pytest.mark.parametrize(
    ("features", "decoder", "sharing"),
    [
        *(
            (features, decoder, "hard")
            for features, decoder in product(FEATURES, ["linear", "mlp", "lstm"])
        ),
        *(("mean", "linear", sharing) for sharing in SHARING[1:]),
        ({"layers": [0, 2]}, "lstm", "soft"),
    ],
)
@torch.no_grad()
def test_scores_equal_one_row_at_a_time(features: Any, decoder: str, sharing: str) -> None:
    suite = make_suite(
        "heads", features=features, decoder=decoder, sharing=sharing, width=5, expert_width=7
    )
    model, prompts = make_model(suite, mlm()), encode(suite)
    assert isinstance(model, HeadsModel)
    fill(model)
    together, cut = score(model, batches(suite)), score(model, batches(suite, 70))
    assert sorted(together) == sorted(cut) == list(range(10))
    for item, scores in together.items():
        assert scores.dtype == torch.float32
        assert len(scores) == prompts.forms[prompts.form[item]].num_labels
        torch.testing.assert_close(scores, slow(model, prompts, item), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(cut[item], scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", list(toys.FAMILIES))
@torch.no_grad()
def test_every_family(family: str) -> None:
    suite = make_suite("heads", features="mean")
    model, prompts = make_model(suite, mlm(family)), encode(suite)
    assert isinstance(model, HeadsModel)
    for item, scores in score(model, batches(suite)).items():
        torch.testing.assert_close(scores, slow(model, prompts, item), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_last_layer_is_the_first_token() -> None:
    plain = make_model(make_suite("heads"), mlm())
    layered = make_model(make_suite("heads", features={"layers": [-1]}), mlm())
    layered.own.decoders.load_state_dict(plain.own.decoders.state_dict())
    suite = make_suite("heads")
    for item, scores in score(plain, batches(suite)).items():
        torch.testing.assert_close(
            score(layered, batches(suite))[item], scores, rtol=1e-4, atol=1e-5
        )


def gradients(model: TaskModel, suite: Any) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    sum(scores.log_softmax(-1)[0] for scores in score(model, batches(suite)).values()).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_soft_with_infinite_penalty_is_hard() -> None:
    hard, soft = make_suite("heads"), make_suite("heads", sharing="soft", penalty=math.inf)
    one, other = gradients(make_model(hard, mlm()), hard), gradients(make_model(soft, mlm()), soft)
    assert one.keys() == other.keys()
    for name, gradient in one.items():
        assert torch.equal(gradient, other[name]), name


def test_soft_copies_start_alike_and_share_the_gradient_of_hard() -> None:
    """At the start a copy sees its task's rows only, so the copies' gradients add up to that of the
    shared encoder."""
    hard, soft = (
        make_suite("heads", features="pooled"),
        make_suite("heads", features="pooled", sharing="soft"),
    )
    model = make_model(soft, mlm())
    one, other = gradients(make_model(hard, mlm()), hard), gradients(model, soft)
    for name, gradient in one.items():
        if name.startswith(("encoders.0.", "own.features.0.")):
            second = name.replace(".0.", ".1.", 1)
            torch.testing.assert_close(other[name] + other[second], gradient, rtol=1e-3, atol=1e-4)
    before = {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    model.add_penalty_gradient()  # the copies are alike: nothing pulls
    for name, gradient in before.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient)


def test_one_expert_is_hard_sharing_with_that_expert() -> None:
    suite = make_suite("heads", sharing="mmoe", experts=1)
    model, hard = make_model(suite, mlm()), make_model(make_suite("heads"), mlm())
    fill(model)
    hard.own.decoders.load_state_dict(model.own.decoders.state_dict())
    hard.own.sharing = torch.nn.Module()
    hard.own.sharing.forward = lambda features, task: model.own.sharing.experts[0](features)  # type: ignore[method-assign]
    wanted = score(hard, batches(suite))
    for item, scores in score(model, batches(suite)).items():
        torch.testing.assert_close(scores, wanted[item])


def test_ple_with_only_shared_experts_is_mmoe() -> None:
    ple = make_suite("heads", sharing="ple", task_experts=0, experts=3)
    mmoe = make_suite("heads", sharing="mmoe", experts=3)
    one, other = make_model(ple, mlm()), make_model(mmoe, mlm())
    fill(other)
    (level,) = one.own.sharing.levels
    level.shared.load_state_dict(other.own.sharing.experts.state_dict())
    level.gates.load_state_dict(other.own.sharing.gates.state_dict())
    one.own.decoders.load_state_dict(other.own.decoders.state_dict())
    wanted = score(other, batches(ple))
    for item, scores in score(one, batches(ple)).items():
        assert torch.equal(scores, wanted[item])


def test_new_parts_are_drawn_by_the_seed_alone() -> None:
    suite = make_suite("heads", sharing="mmoe")
    first, other = make_model(suite, mlm()), mlm()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    second = make_model(suite, other)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


@pytest.mark.parametrize("layer", [3, -4])
def test_layers_that_are_not_there(layer: int) -> None:
    with pytest.raises(PetMtlError, match=f"2 layers, there is no layer {layer}"):
        make_model(make_suite("heads", features={"layers": [1, layer]}), mlm())


def test_parameters_of_one_task() -> None:
    counts = {
        kind: make_model(make_suite("heads", sharing=kind), mlm()).parameter_counts()
        for kind in SHARING
    }
    decoders = 3 * 33 + 2 * 33
    assert counts["hard"].task_specific == decoders
    assert counts["shared-private"].task_specific == 2 * (3 + 2) * 32 + 5 + 2 * 33 * 32
    assert counts["mmoe"].task_specific == decoders + 2 * 4 * 32
    assert counts["ple"].task_specific == decoders + 2 * 33 * 32 + 2 * 5 * 32
    assert counts["soft"].task_specific == counts["soft"].all
    assert counts["soft"].all == 2 * (counts["hard"].all - decoders) + decoders
    assert counts["moe"].task_specific == decoders
    assert counts["snr"].task_specific == decoders + 2 * 4


@torch.no_grad()
def test_levels_inside_the_encoder() -> None:
    """Each level reads a layer of its own; with one level at the top it is a plain one."""
    suite = make_suite("heads", sharing="ple", layers=[1, -1], features="mean", expert_width=7)
    model, prompts = make_model(suite, mlm()), encode(suite)
    fill(model)
    sharing = model.own.sharing
    assert [level.shared[0][0].in_features for level in sharing.levels] == [32, 7 + 32]
    for item, scores in score(model, batches(suite)).items():
        torch.testing.assert_close(scores, slow(model, prompts, item), rtol=1e-4, atol=1e-4)
    plain = make_suite("heads", sharing="ple", features="mean")
    top = make_suite("heads", sharing="ple", layers=[-1], features="mean")
    one, other = make_model(plain, mlm()), make_model(top, mlm())
    other.own.sharing.load_state_dict(one.own.sharing.state_dict())
    other.own.decoders.load_state_dict(one.own.decoders.state_dict())
    wanted = score(one, batches(plain))
    for item, scores in score(other, batches(top)).items():
        torch.testing.assert_close(scores, wanted[item], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("decoder", ["linear", "lstm"])
@torch.no_grad()
def test_cross_stitch_with_the_identity_is_an_encoder_for_each_task(decoder: str) -> None:
    apart = make_suite("heads", sharing="soft", penalty=0.0, features="mean", decoder=decoder)
    stitched = make_suite("heads", sharing="cross-stitch", features="mean", decoder=decoder)
    one, other = make_model(apart, mlm()), make_model(stitched, mlm())
    fill(one)
    other.load_state_dict(one.state_dict(), strict=False)
    before = score(other, batches(stitched))
    for alpha in other.own.stitch.alphas:
        alpha.copy_(torch.eye(2).flatten())
    wanted = score(one, batches(apart))
    for item, scores in score(other, batches(stitched)).items():
        torch.testing.assert_close(scores, wanted[item], rtol=1e-4, atol=1e-4)
    assert any(not torch.allclose(before[item], wanted[item], atol=1e-3) for item in wanted)
    other.add_penalty_gradient()  # nothing ties these encoders
    assert all(parameter.grad is None for parameter in other.parameters())


def test_cross_stitch_of_other_families() -> None:
    with pytest.raises(PetMtlError, match="`distilbert` cannot be run layer by layer"):
        make_model(make_suite("heads", sharing="cross-stitch"), mlm("distilbert"))
    with pytest.raises(PetMtlError, match="the embeddings are no layer"):
        make_model(make_suite("heads", sharing="cross-stitch", layers=[0]), mlm())


@pytest.mark.parametrize(
    ("options", "levels", "weights"),
    [
        ({"sharing": "mmoe"}, 1, 4),
        ({"sharing": "moe"}, 1, 4),
        ({"sharing": "ple", "levels": 2}, 2, 2 + 4),
        ({"sharing": "snr", "levels": 2}, 2, 4),
        ({"sharing": "cross-stitch"}, 1, 2),
        ({"sharing": "hard"}, 0, 0),
    ],
)
@torch.no_grad()
def test_routes(options: dict[str, Any], levels: int, weights: int) -> None:
    suite = make_suite("heads", **options)
    model = make_model(suite, mlm())
    assert isinstance(model, HeadsModel)
    shown = model.routes(batches(suite), ["one", "two"])
    assert len(shown) == levels
    for one in shown:
        assert all(len(row) == len(one.sources) == weights for row in one.weights)
    if options["sharing"] in ("mmoe", "moe", "ple"):
        for one in shown:
            assert [sum(row) for row in one.weights] == pytest.approx([1.0] * len(one.readers))


def test_a_step_draws_its_routes_once() -> None:
    suite = make_suite("heads", sharing="snr")
    model = make_model(suite, mlm()).train()
    (route,) = model.own.sharing.routing
    model.begin_step(7)
    first = route.opening().detach()
    state = torch.get_rng_state()
    model.begin_step(8)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(route.opening(), first)
    model.begin_step(7)
    assert torch.equal(route.opening(), first)
