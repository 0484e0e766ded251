# SPDX-License-Identifier: Apache-2.0
"""Private training of a user's own model, in a user's own loop.

    private = PrivateTraining(model, optimizer, data, epsilon=3.0, batch_size=512, epochs=20)
    for inputs, labels in private.batches():
        private.backward(F.cross_entropy(model(inputs), labels, reduction="none"))
        optimizer.step()

Each step draws a Poisson sample, makes every record's gradient at most C_k long in every group of
parameters, adds up, adds noise once, and leaves the result in `.grad` for the optimizer. There is
one forward and one backward pass; gradients of single records exist only a few at a time.

Guarantee, repeated by tests: all released gradients and thresholds together are (epsilon, delta)
differentially private for neighbours that differ by one record; the epsilon returned is at most
the one asked for; a step that is repeated after a crash releases the same values again.

Source: Abadi et al., CCS 2016, https://arxiv.org/abs/1607.00133 (DP-SGD); Andrew et al., NeurIPS
2021, https://arxiv.org/abs/1905.03871 (thresholds).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from polyveil import _validate
from polyveil.errors import NotPrivate
from polyveil.learn import distributed
from polyveil.learn.attachment import Attachment
from polyveil.learn.batches import Piece, Records, pieces
from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import all_in_one, by_module
from polyveil.learn.mechanism import ClippedGaussian, Mechanism
from polyveil.learn.noise import SecretNoise
from polyveil.learn.paper import MedianOfNorms
from polyveil.learn.probe import records_apart
from polyveil.learn.schedule import schedule
from polyveil.learn.threshold import PrivateQuantile
from polyveil.privacy.guarantee import Guarantee
from polyveil.privacy.poisson import PoissonSampler

PHYSICAL_BATCH = 256
"""Records that go through the model together, unless stated otherwise."""

COVERS = ("the weights after every step", "the clipping thresholds")
NOT_COVERED = (
    "losses, accuracies or norms of training records that are logged or looked at",
    "settings that were chosen by trying them on the same records",
)


class PrivateTraining:
    """Makes a model, an optimizer and a loop of the user's private.

    Args:
      model: any module whose forward handles records side by side along dimension 0.
      optimizer: over (some of) the model's parameters; used as it is.
      data: a tuple of tensors with one row a record, or a map-style Dataset.
      batch_size, epochs, epsilon, noise_multiplier, delta: see `schedule`.
      clipping: "per-layer" (each module's parameters at a threshold of their own, clipped as soon
        as the backward pass leaves them) or "flat" (one threshold for the whole gradient; holds
        layer inputs until the end of the backward pass).
      thresholds: a `PrivateQuantile`, or a fixed bound on the whole gradient's norm; K groups get
        bound / sqrt(K) each.
      mode: "sound", or "paper" for Yang's recipe as printed, which has no guarantee (`paper`).
      physical_batch: most records that go through the model together. Memory grows with it, what
        is released does not depend on it; 32 takes a sixth of the memory of 256 and about a
        twentieth more time.
      views: rows a record has in a batch, for example augmentations of a picture: losses come as
        [records * views], rows of a record together, and are averaged before clipping.
      secret: 32 bytes that batches and noise follow from; by default from the operating system.
        Whoever knows it can take the noise off: keep it as secret as the data, or drop it.

    Raises:
      NotPrivate: this model, data or budget cannot be trained with a guarantee; says why.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: Any,
        *,
        batch_size: float,
        epochs: float,
        epsilon: float | None = None,
        noise_multiplier: float | None = None,
        delta: float | None = None,
        clipping: Literal["per-layer", "flat"] = "per-layer",
        thresholds: PrivateQuantile | float = PrivateQuantile(),  # noqa: B008 - frozen
        mode: Literal["sound", "paper"] = "sound",
        physical_batch: int = PHYSICAL_BATCH,
        views: int = 1,
        secret: bytes | None = None,
    ) -> None:
        _validate.at_least(1, views=views, physical_batch=physical_batch)
        _one_of("clipping", clipping, ("per-layer", "flat"))
        _one_of("mode", mode, ("sound", "paper"))
        self._records = Records(data)
        self.schedule = schedule(
            self._records.count,
            batch_size=batch_size,
            epochs=epochs,
            epsilon=epsilon,
            noise_multiplier=noise_multiplier,
            delta=delta,
        )
        self.model = model
        self.steps_done = 0
        self._physical, self._views = physical_batch, views
        self._noise = SecretNoise(distributed.same_everywhere(SecretNoise(secret).secret))
        self._mechanism: Mechanism = (
            MedianOfNorms(self.schedule.noise_multiplier, self._noise)
            if mode == "paper"
            else ClippedGaussian(self.schedule, thresholds, self._noise)
        )
        flat = clipping == "flat" and mode == "sound"
        self._grouping = all_in_one(model) if flat else by_module(model)
        if not len(self._grouping):
            raise NotPrivate("expected a model with trainable parameters, got none.")
        self._trainable = [p for group in self._grouping.groups for p in group.parameters]
        distributed.same_weights(list(self._trainable))
        self._attachment = Attachment(model, self._grouping, self._open_pass)
        self._optimizer_hook = optimizer.register_step_pre_hook(self._check_gradients)
        self._begun = False
        self._piece: Piece | None = None
        self._pass: ForwardPass | None = None
        self._apart = False
        self._released: dict[nn.Parameter, Tensor] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every record is expected to be looked at once."""
        return max(1, round(1 / self.schedule.rate))

    @property
    def thresholds(self) -> dict[str, float]:
        """Clipping threshold by layer, of the next step; covered by the guarantee."""
        names = [group.name for group in self._grouping.groups]
        return dict(zip(names, getattr(self._mechanism, "thresholds", ()), strict=False))

    def batches(self, steps: int | None = None) -> Iterator[Any]:
        """Batches of the next `steps` steps (default: all that the budget was made for).

        A step may come as several batches; the optimizer's step after all but the last of them
        changes nothing. Every batch must go through the model and `backward`.
        """
        left = self.schedule.steps - self.steps_done
        for _ in range(left if steps is None else min(steps, left)):
            first, stride = distributed.stripe()
            sample = self._sampler().batch(self.steps_done)[first::stride]
            self._mechanism.clear()
            for piece in pieces(sample, self._physical):
                self._piece, self._pass = piece, None
                yield self._records.at(piece.indices)
                if self._piece is not None:
                    self._piece = None
                    raise NotPrivate(
                        "a batch was drawn but did not go through backward(). Which batches are "
                        "left out may depend on what is in them; pass every batch on."
                    )

    def backward(self, losses: Tensor) -> None:
        """Takes the place of `loss.mean().backward()`.

        After the last batch of a step, `.grad` of every trainable parameter holds the noised sum
        of clipped gradients / expected batch size; before, it is None.

        Args:
          losses: one a row, [records * views], from a forward pass of the model in training mode.

        Raises:
          NotPrivate: not one loss a record, or a loss depends on other records.
        """
        piece, watched = self._piece, self._pass
        if piece is None or watched is None:
            raise NotPrivate(
                "backward() without a batch: expected a forward pass of the model, in training "
                "mode, on a batch of `for ... in private.batches()`, and one backward() for it."
            )
        self._check_losses(losses, watched.records)
        if not self._apart:
            self._apart = records_apart(losses, watched, self._grouping)
        losses.backward(torch.full_like(losses, 1 / self._views))  # type: ignore[no-untyped-call]
        watched.finish()
        self._mechanism.finish()
        self._piece = self._pass = None
        self._check_no_leak()
        if not piece.counts:
            self._mechanism.clear()
        if piece.last:
            self._release()

    def guarantee(self) -> Guarantee | None:
        """What is proven about everything released so far; None where nothing is."""
        if self._mechanism.no_guarantee:
            return None
        return Guarantee(
            epsilon=self.schedule.epsilon(self.steps_done),
            delta=self.schedule.delta,
            covers=COVERS,
            not_covered=NOT_COVERED,
        )

    @property
    def no_guarantee(self) -> str | None:
        """Why there is no guarantee; None where there is one."""
        return self._mechanism.no_guarantee

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs beside the model's and the optimizer's own state.

        Holds the secret of batches and noise: store it where the data may be stored, mode 0600.
        Take it between steps.
        """
        return {
            "steps_done": self.steps_done,
            "secret": self._noise.secret,
            **self._mechanism.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; a step that was under way is repeated as it was."""
        self.steps_done = int(state["steps_done"])
        self._noise.secret = bytes(state["secret"])
        self._mechanism.load_state_dict(state)
        self._apart = False

    def detach(self) -> None:
        """Let go of model and optimizer: they train without privacy again."""
        self._attachment.detach()
        self._optimizer_hook.remove()

    def _sampler(self) -> PoissonSampler:
        seed = hashlib.blake2b(b"batches", key=self._noise.secret, digest_size=32).digest()
        return PoissonSampler(
            self._records.count, self.schedule.rate, self.schedule.steps, seed=seed
        )

    def _open_pass(self) -> ForwardPass:
        if self._piece is None:
            raise NotPrivate(
                "the model was called in training mode outside of `for ... in "
                "private.batches()`. Use model.eval() or torch.no_grad() for anything that is not "
                "a private step."
            )
        if self._pass is None:
            records = len(self._piece.indices)
            self._pass = ForwardPass(self._grouping, records, self._on_group)
        return self._pass

    def _on_group(self, index: int, contributions: list[Any]) -> None:
        if not self._begun:
            self._mechanism.begin(self._grouping.groups)
            self._begun = True
        self._mechanism.group(index, contributions)

    def _release(self) -> None:
        self._released = {
            parameter: gradient.to(parameter.dtype)
            for parameter, gradient in self._mechanism.release(self.steps_done).items()
        }
        for parameter, gradient in self._released.items():
            parameter.grad = gradient
        self.steps_done += 1

    def _check_losses(self, losses: Tensor, records: int) -> None:
        expected = records * self._views
        if losses.shape != (expected,):
            raise NotPrivate(
                f"expected one loss a record, shape ({expected},), got {tuple(losses.shape)}. Use "
                "reduction='none', and average over anything but records yourself."
            )

    def _check_no_leak(self) -> None:
        for parameter in self._trainable:
            if parameter.grad is not None and self._released.get(parameter) is not parameter.grad:
                self._refuse_foreign(parameter)
            parameter.grad = None
        self._released = {}

    def _check_gradients(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for parameter in self._trainable:
            if parameter.grad is not None and self._released.get(parameter) is not parameter.grad:
                self._refuse_foreign(parameter)

    def _refuse_foreign(self, parameter: nn.Parameter) -> None:
        names = {p: name for name, p in self.model.named_parameters()}
        parameter.grad = None
        raise NotPrivate(
            f"{names[parameter]}: its gradient did not come from private.backward() alone, so it "
            "carries no noise. Call private.backward(losses), never loss.backward(), and compute "
            "every loss through the model's own forward."
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise NotPrivate(f"expected {name} to be one of {', '.join(allowed)}, got {value!r}.")
