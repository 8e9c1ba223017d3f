import pytest
import torch
from torch import nn

from pet_mtl.stepping.weight_average import WeightAverage


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_formula_step_by_step(decay: float) -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, decay)
    wanted = {name: p.detach().double() for name, p in model.named_parameters()}
    for step in range(30):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(step)
        d = min(decay, (1 + step) / (10 + step))
        wanted = {n: d * wanted[n] + (1 - d) * p.detach() for n, p in model.named_parameters()}
    for name, value in average.weights.items():
        torch.testing.assert_close(value.double(), wanted[name], rtol=1e-4, atol=1e-5)
        assert not value.requires_grad  # or it would hold what every step computed


def test_a_decay_of_0_is_the_weights_to_the_last_bit() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.0)
    with torch.no_grad():
        model.weight.mul_(1.7)
    average.update(5)
    assert torch.equal(average.weights["weight"], model.weight)


def test_the_model_has_the_mean_for_a_while_and_its_own_weights_after_an_error() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    before = model.weight.detach().clone()
    average.weights["weight"].fill_(3.0)
    with pytest.raises(RuntimeError, match="stop"), average.applied():
        assert (model.weight == 3).all()
        raise RuntimeError("stop")
    assert torch.equal(model.weight, before)
    assert (average.weights["weight"] == 3).all()
