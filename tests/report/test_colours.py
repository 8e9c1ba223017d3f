"""What the colours of the pages must let everybody read."""

import re

import numpy as np
import numpy.typing as npt
import pytest

from pet_mtl.report.matrix import depth, shade
from pet_mtl.report.overview import COLOURS
from pet_mtl.report.page import stylesheet

Colour = npt.NDArray[np.float64]
SCHEMES = ["light", "dark"]
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# Machado, Oliveira and Fernandes 2009, of linear RGB: what is seen without red, without green cones
SEEN = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}  # fmt: skip


def colours_of(scheme: str) -> dict[str, Colour]:
    """Return the style sheet's colours, each as three numbers from 0 to 1."""
    text = stylesheet().split("prefers-color-scheme: dark")[SCHEMES.index(scheme)]
    found = {}
    for name, code in re.findall(r"--(\w+): #(\w{6}|\w{3});", text):
        whole = code if len(code) == 6 else "".join(2 * digit for digit in code)
        found[name] = np.array([int(whole[k : k + 2], 16) for k in (0, 2, 4)]) / 255
    return found


def linear(colour: Colour) -> Colour:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of WCAG 2."""
    low, high = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(light: Colour) -> Colour:
    """Return CIELAB of linear RGB under D65."""
    x, y, z = np.cbrt(np.maximum(XYZ @ np.clip(light, 0, 1) / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["hit", "heat"])
def test_counts_can_be_read_in_every_shade(scheme: str, kind: str) -> None:
    colours = colours_of(scheme)
    ground = 0.6 * colours["wash"] + 0.4 * colours["card"]
    inverts = "full" if scheme == "light" else "strong"
    for share in np.linspace(0.01, 1, 100):
        cell = shade(share) * colours[kind] + (1 - shade(share)) * ground
        text = colours["strong" if inverts in depth(share).split() else "ink"]
        assert contrast(cell, text) > 3.2, share


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("eyes", SEEN)
def test_lines_of_charts_are_told_apart_also_without_red_or_green_cones(
    scheme: str, eyes: str
) -> None:
    colours = colours_of(scheme)
    lines = [colours["ink"], *(colours[f"c{k}"] for k in range(COLOURS))]
    places = np.array([lab(SEEN[eyes] @ linear(colour)) for colour in lines])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 99 * np.eye(len(lines))
    assert apart.min() > 14
    assert apart[:6, :6].min() > 20  # most reports have five tasks or fewer, and their mean
    assert min(contrast(colour, colours["card"]) for colour in lines) > 3
