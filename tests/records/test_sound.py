# SPDX-License-Identifier: Apache-2.0
"""Sounds: every allowed format gives the same samples, every limit holds, nothing else gets in."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord
from polyveil.records.sound import RATE, SoundLimits, decode, sniff

SECRET = "Maria Keller"


def tone(rate: int = RATE, seconds: float = 0.5, hertz: float = 440.0) -> NDArray[np.float32]:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def encoded(
    samples: NDArray[np.float32], form: str = "WAV", rate: int = RATE, subtype: str | None = None
) -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, samples.ndim if samples.ndim == 1 else samples.shape[1],
        subtype=subtype, format=form,
    ) as file:  # fmt: skip
        if form in {"WAV", "FLAC", "OGG"}:
            file.title = SECRET
        file.write(samples)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "subtype", "error"),
    [
        ("WAV", "PCM_U8", 0.01),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0.0),
        ("WAV", "DOUBLE", 0.0),
        ("WAV", "ULAW", 0.02),
        ("FLAC", "PCM_16", 1e-4),
        ("FLAC", "PCM_24", 1e-6),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.05),
    ],
)
def test_every_format_gives_the_samples(form: str, subtype: str, error: float) -> None:
    got = decode(encoded(tone(), form, subtype=subtype))
    assert (got.format, got.samples.dtype, got.samples.shape) == (form, np.float32, (8000,))
    # Lossy codings ring at both ends.
    assert np.abs(got.samples - tone())[500:-500].max() <= error


def test_mp3_is_read() -> None:
    got = decode(encoded(tone(seconds=1.0), "MP3", subtype="MPEG_LAYER_III"))
    assert got.format == "MP3"
    assert got.seconds == pytest.approx(1.0, abs=0.15)
    spectrum = np.abs(np.fft.rfft(got.samples))
    assert np.argmax(spectrum) * RATE / len(got.samples) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_and_keep_length_and_pitch(rate: int) -> None:
    got = decode(encoded(tone(rate, 1.0), rate=rate)).samples
    assert len(got) == pytest.approx(RATE, abs=2)
    assert np.abs(got[1000:-1000] - tone(seconds=1.0)[1000 : len(got) - 1000]).max() < 0.01


def test_what_16_khz_cannot_hold_does_not_come_back_as_another_pitch() -> None:
    above = decode(encoded(tone(48_000, 1.0, hertz=12_000.0), rate=48_000)).samples
    assert np.abs(above[1000:-1000]).max() < 0.01


def test_channels_become_their_mean() -> None:
    both = np.stack([tone(), -0.5 * tone()], axis=1)
    got = decode(encoded(both, subtype="FLOAT")).samples
    np.testing.assert_allclose(got, 0.25 * tone(), atol=1e-6)


def test_a_file_and_its_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(encoded(tone(), "FLAC"))
    assert (decode(path).samples == decode(path.read_bytes()).samples).all()


WAV = encoded(tone(), subtype="PCM_16")
FLAC = encoded(tone(), "FLAC")
LYING = bytearray(encoded(tone(), "FLAC"))
LYING[21:26] = b"\xff" * 5  # states 2^36 samples


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes"),
        (b"MZ\x90\x00" + b"\0" * 100, "no allowed format"),
        (b"FORM\0\0\0\0AIFF" + b"\0" * 100, "no allowed format"),
        (b"fLaC" + b"\xff" * 100, "FLAC decoder stopped"),
        (FLAC[: len(FLAC) // 2], "FLAC"),
        (bytes(LYING), "at least"),
        (encoded(tone(), subtype="MS_ADPCM"), "coded in another way"),
        (encoded(tone(2000), rate=2000), "2000 samples a second"),
        (encoded(tone(192_000, 0.1), rate=192_000), "192000 samples a second"),
        (encoded(np.zeros((100, 9), np.float32)), "9 channels"),
        (encoded(np.zeros(0, np.float32)), "no samples"),
        (encoded(np.array([0, np.nan, 0], np.float32), subtype="FLOAT"), "NaN"),
        (encoded(np.array([0, np.inf], np.float32), subtype="FLOAT"), "NaN"),
        (encoded(np.array([0, 1e30], np.float32), subtype="FLOAT"), "beyond 10"),
    ],
)
def test_what_is_refused_and_why(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableRecord, match=says) as caught:
        decode(data)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_limits_are_held_before_and_while_decoding() -> None:
    long = encoded(np.zeros(RATE * 3, np.float32), "FLAC")
    with pytest.raises(UnreadableRecord, match="expected at most 2 s"):
        decode(long, limits=SoundLimits(max_seconds=2))
    with pytest.raises(UnreadableRecord, match="expected at most 99"):
        decode(long, limits=SoundLimits(max_bytes=99))
    with pytest.raises(ValueError, match="max_channels"):
        SoundLimits(max_channels=0)


def test_a_pipe_does_not_hang_and_a_folder_is_no_sound(tmp_path: Path) -> None:
    pipe = tmp_path / SECRET
    os.mkfifo(pipe)
    for place in (pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(UnreadableRecord, match="voice: ") as caught:
            decode(place)
        assert SECRET not in str(caught.value)


def test_a_wav_of_unstated_length_is_read_to_its_end() -> None:
    streamed = bytearray(WAV)
    at = streamed.index(b"data") + 4
    streamed[4:8] = streamed[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    assert len(decode(bytes(streamed)).samples) == 8000


@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS"]))
def test_hostile_bytes_are_sounds_or_refused(data: bytes, head: bytes) -> None:
    try:
        decode(head + data)
    except UnreadableRecord as error:
        assert str(error).startswith("voice: ")


@given(st.data(), st.sampled_from([WAV, FLAC, encoded(tone(), "OGG", subtype="VORBIS")]))
def test_damaged_sounds_are_sounds_or_refused(draw: st.DataObject, whole: bytes) -> None:
    damaged = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 8))):
        damaged[draw.draw(st.integers(0, min(len(damaged), 400) - 1))] = draw.draw(
            st.integers(0, 255)
        )
    try:
        got = decode(bytes(damaged[: draw.draw(st.integers(1, len(damaged)))]))
    except UnreadableRecord:
        return
    assert got.samples.dtype == np.float32 and np.isfinite(got.samples).all()


@given(st.binary(max_size=16))
def test_only_announced_formats_reach_a_decoder(head: bytes) -> None:
    assert sniff(head) in {None, "WAV", "FLAC", "OGG", "MP3"}
