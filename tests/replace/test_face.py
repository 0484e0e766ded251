# SPDX-License-Identifier: Apache-2.0
"""Stand-ins: what they never read, what they never touch, and what stays the same everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from polyveil.errors import UsageError, WeightsError
from polyveil.records.finding import Box, Face
from polyveil.replace import face as room
from polyveil.replace import face_backends, face_model, light
from polyveil.replace.face import ModelReplacer
from polyveil.replace.persona import Persona
from polyveil.replace.replacement import FaceReplacer
from polyveil.replace.warp import Pose

RNG = np.random.default_rng(7)


def turned(yaw: float, scale: float, at: tuple[float, float], roll: float = 0.0) -> NDArray:
    """Landmarks (68, 2) of the mean head, turned by yaw and roll in degrees."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cr, sr = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    head = face_model.shipped().knots[:68]
    shift = np.array(at) - scale * head.mean(0) @ turn[:2].T
    return Pose(turn.astype(np.float32), scale, shift.astype(np.float32)).project(head)


def face(outline: NDArray, **attributes: dict[str, float]) -> Face:
    low, high = outline.min(0), outline.max(0)
    five = np.stack([outline[36:42].mean(0), outline[42:48].mean(0), *outline[[30, 48, 54]]])
    return Face(Box(*low, *high), five, 1.0, "test", outline=outline, attributes=attributes)


def persona(seed: int = 11, **changes: object) -> Persona:
    values = {"sex": "woman", "age": "adult", **changes}
    return Persona(("A",), ("B",), face_seed=seed, date_shift_days=0, token="0" * 32, **values)


def picture(height: int = 160, width: int = 180, *, skin: int = 170) -> NDArray[np.uint8]:
    """A flat, slightly noisy skin-coloured picture."""
    base = np.array([skin, skin * 0.78, skin * 0.68])
    noise = RNG.normal(0, 3, (height, width, 1))
    return np.clip(base + noise, 0, 255).astype(np.uint8)


FRONTAL = face(turned(0, 0.5, (90, 85)))


def test_the_hidden_face_is_never_read() -> None:
    """Light given, the result does not depend on a single pixel that it hides."""
    one, who = picture(), face_model.cast(5, {})
    old = light.to_lab(one)
    site = room.place(FRONTAL.outline, who)
    wanted = room.observe(old, site)
    _, reached = room.invert(site.forward, site.depth, old.shape[:2])
    solid, above = room.cover(site, old.shape[:2], reached)
    hidden = (solid >= 1) & (above <= 0)
    assert hidden.sum() > 1500
    first, _ = room.render(old, site, who, wanted, 5)
    for filling in (RNG.uniform(0, 100, old.shape), np.zeros(old.shape)):
        other = np.where(hidden[..., None], filling, old).astype(np.float32)
        second, _ = room.render(other, site, who, wanted, 5)
        np.testing.assert_array_equal(first, second)


def test_eyes_nose_and_mouth_are_hidden() -> None:
    """The hidden part covers every landmark from brow to lip."""
    who = face_model.cast(5, {})
    for yaw in (-40, -15, 0, 20, 45):
        outline = turned(yaw, 0.5, (90, 85))
        site = room.place(outline, who)
        _, reached = room.invert(site.forward, site.depth, (160, 180))
        solid, above = room.cover(site, (160, 180), reached)
        inner = outline[27:].round().astype(int)
        if abs(yaw) <= 20:
            assert solid[inner[:, 1], inner[:, 0]].min() > 0.9
        assert solid[inner[:, 1], inner[:, 0]].mean() > 0.9
        assert above[inner[:, 1], inner[:, 0]].max() == 0


@pytest.mark.parametrize("shape", ["rgb", "rgba", "grey"])
def test_outside_of_the_mask_nothing_changes(shape: str) -> None:
    pixels = picture()
    if shape == "rgba":
        pixels = np.dstack([pixels, RNG.integers(0, 255, pixels.shape[:2], np.uint8)])
    if shape == "grey":
        pixels = pixels[..., 0]
    before = pixels.copy()
    done = ModelReplacer().replace(pixels, FRONTAL, persona())
    assert done.pixels.shape == pixels.shape and done.pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(done.pixels[~done.mask], before[~done.mask])
    assert (done.pixels[done.mask] != before[done.mask]).mean() > 0.3
    if shape == "rgba":
        np.testing.assert_array_equal(done.pixels[..., 3], before[..., 3])


def test_same_call_same_bytes() -> None:
    pixels = picture()
    one = ModelReplacer().replace(pixels, FRONTAL, persona())
    two = ModelReplacer().replace(pixels, FRONTAL, persona())
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.facets == two.facets


def test_a_persona_wears_one_face_in_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other light, size, pose, person underneath: the exemplars stay the same."""
    seen: list[tuple[int, ...]] = []
    real = face_model.cast

    def noted(*args: object, **more: object) -> face_model.Cast:
        made = real(*args, **more)
        seen.append(made.exemplars[:4])
        return made

    monkeypatch.setattr(room, "cast", noted)
    for yaw, scale, skin in ((0, 0.5, 180), (30, 0.4, 90), (-25, 0.55, 220)):
        target = face(turned(yaw, scale, (90, 85)), sex={"man": 0.9, "woman": 0.1})
        ModelReplacer().replace(picture(skin=skin), target, persona(99))
    assert len(set(seen)) == 1


def test_another_seed_is_another_face() -> None:
    faces = {face_model.cast(seed, {"sex": "man"}).exemplars for seed in range(40)}
    assert len(faces) == 40


def test_wishes_are_met() -> None:
    for wanted in ({"sex": "woman", "age": "senior"}, {"glasses": "glasses", "sex": "man"},
                   {"sex": "man", "age": "adult", "beard": "beard"}):  # fmt: skip
        shown = face_model.cast(3, wanted).facets
        assert {facet: shown[facet] for facet in wanted} == wanted


def test_a_wish_that_few_fulfil_gives_way() -> None:
    shown = face_model.cast(3, {"sex": "woman", "beard": "beard"}).facets
    assert shown["sex"] == "woman" and shown["beard"] == "none"


def test_an_open_mouth_shows_teeth_and_says_so() -> None:
    quiet, loud = face_model.cast(8, {}), face_model.cast(8, {}, speaking=True)
    assert quiet.exemplars == loud.exemplars[:4] and len(loud.exemplars) == 5
    assert (quiet.facets["expression"], loud.facets["expression"]) == ("neutral", "smiling")
    np.testing.assert_array_equal(quiet.texture[:90], loud.texture[:90])


def test_grey_stays_grey() -> None:
    pixels = np.repeat(picture()[..., :1], 3, axis=2)
    done = ModelReplacer().replace(pixels, FRONTAL, persona()).pixels
    assert np.ptp(done.astype(int), axis=2).max() == 0


@pytest.mark.parametrize("at", [(0, 60), (178, 80), (90, -10), (60, 158), (-60, -60)])
def test_faces_cut_by_the_border(at: tuple[float, float]) -> None:
    pixels = picture()
    done = ModelReplacer().replace(pixels, face(turned(10, 0.5, at)), persona())
    np.testing.assert_array_equal(done.pixels[~done.mask], pixels[~done.mask])


@pytest.mark.parametrize("scale", [0.02, 0.06, 0.12, 0.3])
def test_tiny_faces(scale: float) -> None:
    """Down to three pixels."""
    pixels = picture(60, 60)
    done = ModelReplacer().replace(pixels, face(turned(0, scale, (30, 30))), persona())
    assert done.mask.any()


def test_a_huge_face() -> None:
    pixels = picture(900, 900)
    done = ModelReplacer().replace(pixels, face(turned(5, 4.0, (450, 460))), persona())
    assert done.mask.mean() > 0.2 and done.pixels.shape == pixels.shape


@pytest.mark.parametrize("yaw", [-85, -60, 60, 85])
@pytest.mark.parametrize("roll", [0, 90, 180])
def test_extreme_poses(yaw: float, roll: float) -> None:
    pixels = picture()
    done = ModelReplacer().replace(pixels, face(turned(yaw, 0.5, (90, 80), roll)), persona())
    assert done.mask.any() and not done.mask.all()


def test_small_faces_take_small_textures() -> None:
    """Less work, the same face."""
    sizes = [face_model.fine_enough(width) for width in (5, 60, 90, 100, 140, 900)]
    assert sizes == sorted(sizes) and (sizes[0], sizes[-1]) == (96, face_model.FRAME)
    for speaking in (False, True):
        whole = face_model.cast(8, {}, speaking=speaking)
        for size in face_model.SIZES:
            small = face_model.cast(8, {}, speaking=speaking, size=size)
            assert small.exemplars == whole.exemplars and small.facets == whole.facets
            np.testing.assert_array_equal(small.head, whole.head)
            shrunk = cv2.resize(whole.texture, (size, size), interpolation=cv2.INTER_AREA)
            assert np.abs(small.texture - shrunk).mean() < 0.8


def test_a_thin_crease_on_the_forehead_does_not_stay() -> None:
    """A furrow above the brows is skin; a dark fringe is not."""
    pixels = picture()
    creased, fringed = pixels.copy(), pixels.copy()
    creased[44:46, 70:110] //= 2
    fringed[30:48, 60:120] //= 5
    plain, crease, fringe = (
        ModelReplacer().replace(p, FRONTAL, persona()).pixels.astype(int)
        for p in (pixels, creased, fringed)
    )
    row = slice(44, 46), slice(80, 100)
    left = np.abs(crease - plain)[row].mean() / np.abs(creased.astype(int) - pixels)[row].mean()
    assert left < 0.35
    assert np.abs(fringe - fringed)[36:44, 80:100].mean() < 25


def test_five_points_are_enough() -> None:
    target = Face(FRONTAL.box, FRONTAL.points, 1.0, "test")
    guessed = room.landmarks(target)
    assert np.linalg.norm(guessed - FRONTAL.outline, axis=1).mean() < 2.5
    assert ModelReplacer().replace(picture(), target, persona()).mask.any()


def test_replacing_twice_changes_little_outside() -> None:
    once = ModelReplacer().replace(picture(), FRONTAL, persona())
    twice = ModelReplacer().replace(once.pixels, FRONTAL, persona())
    np.testing.assert_array_equal(twice.mask, once.mask)


def test_every_backend_keeps_the_contract() -> None:
    pixels = picture()
    for name in face_backends.names():
        replacer = face_backends.face_replacer(name)
        assert isinstance(replacer, FaceReplacer) and replacer.name == name
        done = replacer.replace(pixels, FRONTAL, persona())
        np.testing.assert_array_equal(done.pixels[~done.mask], pixels[~done.mask])
        assert done.mask.any()


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(UsageError, match=r"mosaic.*model"):
        face_backends.face_replacer("mosaic")


def test_the_file_survives_a_round_trip_and_refuses_nonsense() -> None:
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(3, np.uint8)}
    read, notes = face_model.read(face_model.pack(tensors, {"k": "v"}))
    np.testing.assert_array_equal(read["a"], tensors["a"])
    assert notes == {"k": "v"}
    raw = face_model.pack(tensors, {})
    for broken in (b"", raw[:20], raw[:-2], b"\xff" * 64, raw.replace(b"F32", b"X99")):
        with pytest.raises(WeightsError):
            face_model.read(broken)


def test_a_flipped_byte_is_noticed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyveil import _weights

    raw = bytearray((_weights.FOLDER / face_model.FILE).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / face_model.FILE).write_bytes(raw)
    monkeypatch.setattr(_weights, "FOLDER", tmp_path)
    entries = _weights.manifest()
    monkeypatch.setattr(_weights, "manifest", lambda: entries)
    with pytest.raises(WeightsError, match="SHA-256"):
        _weights.checked.__wrapped__(face_model.FILE)


def test_nobody_is_shared_by_many() -> None:
    """Adults without glasses or beard: no lead serves more than a tenth of random personas."""
    leads = [face_model.cast(int(s), {"sex": "man", "age": "adult"}).exemplars[0]
             for s in RNG.integers(2**63, size=200)]  # fmt: skip
    assert max(np.bincount(leads)) < 20
