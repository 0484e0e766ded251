# SPDX-License-Identifier: Apache-2.0
"""A recogniser of people under audit: face, voice and typing go in, one of 10 people comes out.

    polyveil audit examples/audited_recogniser.py --minutes 2

The people are made up here: each is a smooth pattern for a face, a few formants for a voice, a
rhythm for typing, and every record varies them. The recogniser sees noisy codes of the three, not
the inputs; the audit asks what its training, its answers and its templates give away all the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig

PEOPLE, EACH = 10, 60
"""Records of a person: half of them in training, half not."""
SIZE = 16
STEPS = 16
FACE = Modality("face", (1, SIZE, SIZE), spread=0.1)
VOICE = Modality("voice", (1, SIZE, SIZE), spread=0.5)
TYPING = Modality("typing", (STEPS, 3), spread=0.5)
CONFIG = RecogniserConfig(
    (FACE, VOICE, TYPING), PEOPLE, alignment="anchors", width=32, latent=4, vae_widths=(8, 16),
    sequence_vae_widths=(16,), widths=(16,), odconv=False,
)  # fmt: skip
EPOCHS, BATCH = 10, 32


def people(seed: int = 1, *, count: int = PEOPLE, each: int = EACH) -> Examples:
    """Records of people who do not exist, in random order; float32, labels are people."""
    draw = torch.Generator().manual_seed(seed)
    who = torch.arange(count).repeat_interleave(each)
    inputs = {"face": faces(who, draw), "voice": voices(who, draw), "typing": typing(who, draw)}
    order = torch.randperm(len(who), generator=draw)
    return Examples(inputs, who).at(order)


def faces(who: Tensor, draw: torch.Generator) -> Tensor:
    """(n, 1, SIZE, SIZE) in [0, 1]: a person's pattern, other light and a shift by a pixel."""
    own = torch.randn(int(who.max()) + 1, 1, 5, 5, generator=draw)
    pictures = nn.functional.interpolate(own, size=SIZE, mode="bicubic")[who]
    light = 0.3 * torch.randn(len(who), 1, 2, 2, generator=draw)
    pictures = pictures + nn.functional.interpolate(light, size=SIZE, mode="bilinear")
    shifts = torch.randint(-1, 2, (len(who), 2), generator=draw).tolist()
    moved = [torch.roll(one, shift, (1, 2)) for one, shift in zip(pictures, shifts, strict=True)]
    noise = 0.02 * torch.randn(len(who), 1, SIZE, SIZE, generator=draw)
    return (0.5 + 0.15 * torch.stack(moved) + noise).clamp(0, 1)


def voices(who: Tensor, draw: torch.Generator) -> Tensor:
    """(n, 1, SIZE bands, SIZE frames), standardised: formants of a person, words that vary."""
    formants = torch.randn(int(who.max()) + 1, 1, SIZE, 1, generator=draw)[who]
    words = torch.randn(len(who), 1, 4, 6, generator=draw)
    words = nn.functional.interpolate(words, size=(SIZE, SIZE), mode="bicubic")
    return 0.7 * formants + 0.7 * words + 0.2 * torch.randn(words.shape, generator=draw)


def typing(who: Tensor, draw: torch.Generator) -> Tensor:
    """(n, STEPS, 3), standardised: how long keys are held and apart, by person and by key."""
    habit = torch.randn(int(who.max()) + 1, 1, 3, generator=draw)[who]
    keys = torch.randn(len(who), STEPS, 1, generator=draw)
    taste = torch.randn(int(who.max()) + 1, 1, 3, generator=draw)[who]
    return 0.6 * habit + 0.5 * taste * keys + 0.5 * torch.randn(len(who), STEPS, 3, generator=draw)


def train(examples: Examples, seed: int, config: RecogniserConfig = CONFIG) -> nn.Module:
    """The recipe, as an attacker who knows the method would follow it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MultimodalRecogniser(config)
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(examples)).split(BATCH):
                part = examples.at(chosen)
                loss = model.losses(part.inputs, part.labels).total.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model.eval()


def called(module: nn.Module, inputs: Inputs) -> Tensor:
    """How the audit asks for logits: the recogniser takes all inputs as one mapping."""
    return module(inputs).logits


def audited() -> AuditedModel:
    """What polyveil audit asks for."""
    everything = people()
    half = len(everything) // 2
    members, others = everything.at(slice(0, half)), everything.at(slice(half, None))
    model = train(members, seed=0)
    return AuditedModel(
        Classifier(model, calling=called),
        members=members,
        others=others,
        recipe=train,
        embed=lambda inputs: model(inputs).fused,
        description="Recognises 10 people by face, voice and typing, from noisy codes of them.",
        data_subjects=f"{PEOPLE} people who do not exist",
    )


if __name__ == "__main__":
    import polyveil

    print(polyveil.audit(audited(), minutes=2).summary())
