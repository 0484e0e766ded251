# SPDX-License-Identifier: Apache-2.0
"""Networks by name: what a training plan names, built for its data.

Every network maps float32 images [records, channels, height, width] to logits [records, classes]
and treats each record alone, in training as in use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.cnn import CNN, CNNConfig
from polyveil.models.hierarchical_vit import HierarchicalViT, HierarchicalViTConfig
from polyveil.models.scattering import ScatterClassifier
from polyveil.models.vit import ViT, ViTConfig
from polyveil.models.wide_resnet import WideResNet, WideResNetConfig

Shape = tuple[int, int, int]


def _scatter(head: str) -> Callable[..., nn.Module]:
    def make(
        image: Shape, classes: int, *, scales: int = 2, angles: int = 8, groups: int = 27
    ) -> nn.Module:
        return ScatterClassifier(
            image, classes, head=head, scales=scales, angles=angles, groups=groups
        )

    return make


# Name -> (what checks the options, what builds the network from that).
_NETWORKS: dict[str, tuple[Callable[..., Any], Callable[[Any], nn.Module]]] = {
    "hierarchical-vit": (HierarchicalViTConfig, HierarchicalViT),
    "vit": (ViTConfig, ViT),
    "cnn": (CNNConfig, CNN),
    "wide-resnet": (WideResNetConfig, WideResNet),
    "scatter-linear": (_scatter("linear"), lambda made: made),
    "scatter-cnn": (_scatter("convolution"), lambda made: made),
}
NAMES = tuple(_NETWORKS)


def options(name: str) -> dict[str, Any]:
    """Option -> default of the network `name`."""
    checks.one_of("model", name, NAMES)
    accepted = inspect.signature(_NETWORKS[name][0]).parameters
    return {
        option: parameter.default
        for option, parameter in accepted.items()
        if option not in {"image", "classes"}
    }


def build(name: str, input_shape: Shape, classes: int, **chosen: Any) -> nn.Module:
    """A freshly initialised network; draws its weights from torch's global generator.

    Args:
      name: one of `NAMES`.
      input_shape: (channels, height, width) of an image.
      classes: number of classes.
      chosen: options of that network, see `options`; lists are taken as tuples.

    Raises:
      UsageError: unknown name or option, or a value that does not fit; says what does.
      NotPrivate: an option that would mix records, such as BatchNorm.
    """
    known = options(name)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise UsageError(
            f"{name}: unknown option {', '.join(unknown)}; it has {', '.join(sorted(known))}."
        )
    settings = {option: tuple(v) if isinstance(v, list) else v for option, v in chosen.items()}
    configure, network = _NETWORKS[name]
    return network(configure(tuple(input_shape), classes, **settings))
