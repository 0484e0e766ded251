# SPDX-License-Identifier: Apache-2.0
"""Decoding a sound that may be hostile into one channel of 16 kHz, and nothing but samples.

As with pictures: the format is decided by the first bytes against an allow-list, what the header
states is held against limits before a sample is decoded, decoding goes block by block so that a
header that lies costs no memory, and whatever a decoder throws becomes one UnreadableRecord that
quotes neither names nor bytes. Titles, artists, comments and pictures inside are never read.

| What came                              | What is returned                             |
|----------------------------------------|----------------------------------------------|
| WAV (PCM, float, µ-law, A-law), FLAC,  | its samples                                  |
| OGG (Vorbis, Opus), MP3                |                                              |
| several channels                       | their mean                                   |
| another rate                           | resampled, band-limited, to 16 kHz           |
| NaN, infinity, values beyond 10^6      | refused by name                              |
| cut off behind its header              | refused (a WAV, which cannot tell, is short) |

Source: libsndfile, https://libsndfile.github.io/libsndfile/api.html
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.records.regular_file import read_bytes

RATE = 16_000
"""Samples per second of every decoded sound."""

FORMATS = {
    "WAV": frozenset({"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}),
    "FLAC": frozenset({"PCM_S8", "PCM_16", "PCM_24"}),
    "OGG": frozenset({"VORBIS", "OPUS"}),
    "MP3": frozenset({"MPEG_LAYER_III"}),
}
"""Formats that are read -> the codings of samples that are read of them."""

_LOWEST_RATE = 4_000
_LOUDEST = 1e6
_BLOCK = 1 << 16
_SECONDS_OVER = 1.0


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """What a sound may cost. Public.

    Attributes:
      max_bytes: size of the encoded sound, bytes.
      max_seconds: length. Ten minutes at the highest rate take up to half a gigabyte of memory.
      max_rate: samples per second, Hz.
      max_channels: channels.
    """

    max_bytes: int = 64 << 20
    max_seconds: int = 600
    max_rate: int = 96_000
    max_channels: int = 8

    def __post_init__(self) -> None:
        _validate.at_least(
            1,
            max_bytes=self.max_bytes,
            max_seconds=self.max_seconds,
            max_rate=self.max_rate,
            max_channels=self.max_channels,
        )


DEFAULT_LIMITS = SoundLimits()


@dataclass(frozen=True, slots=True)
class Sound:
    """A decoded sound, without metadata.

    Attributes:
      samples: float32 (time,), one channel at `RATE`, by convention in [-1, 1]. Secret.
      format: in which it came, a key of `FORMATS`.
    """

    samples: NDArray[np.float32] = field(repr=False)
    format: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE


def sniff(head: bytes) -> str | None:
    """The allowed format that these first bytes (12 are enough) announce; None for any other."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "WAV"
    if head.startswith(b"fLaC"):
        return "FLAC"
    if head.startswith(b"OggS"):
        return "OGG"
    # An ID3 tag, or the sync word of an MPEG frame that is layer III.
    if head.startswith(b"ID3") or (
        len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    ):
        return "MP3"
    return None


def decode(source: Path | bytes, *, limits: SoundLimits = DEFAULT_LIMITS) -> Sound:
    """The samples of an encoded sound.

    Args:
      source: a file, or its bytes.
      limits: checked against the size and the header before anything is decoded.

    Raises:
      UnreadableRecord: not an allowed format, beyond a limit, empty, cut off, not finite, or the
        decoder failed in whatever way. The message holds no name and no content.
    """
    data = read_bytes(source, "voice", limit=limits.max_bytes)
    form = sniff(data[:12])
    if form is None:
        allowed = ", ".join(FORMATS)
        raise UnreadableRecord(
            f"voice: its first bytes announce no allowed format; expected one of {allowed}."
        )
    trouble = "unknown"
    try:
        samples, rate = _samples(data, form, limits)
        return Sound(_at_rate(samples, rate), form)
    except UnreadableRecord:
        raise
    except Exception as error:  # noqa: BLE001 - the decoder's errors quote what it read
        trouble = type(error).__name__
    # Raised outside the handler: no traceback carries the decoder's own message along.
    raise UnreadableRecord(
        f"voice: the {form} decoder stopped with {trouble}; expected a whole, undamaged sound."
    )


def _samples(data: bytes, form: str, limits: SoundLimits) -> tuple[NDArray[np.float32], int]:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        _check_header(file, form, limits)
        most = limits.max_seconds * file.samplerate
        blocks, count = [], 0
        while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
            count += len(block)
            if count > most:
                raise _too_long(count, file.samplerate, limits)
            blocks.append(block.mean(axis=1, dtype=np.float32))
        stated, rate = file.frames, int(file.samplerate)
    if not count:
        raise UnreadableRecord("voice: no samples; expected a sound.")
    # MP3 has no exact length: its encoder's delay may be counted or not.
    if count < stated - (_SECONDS_OVER * rate if form == "MP3" else 0):
        raise UnreadableRecord(
            f"voice: {count} of {stated} samples are there; expected a whole {form}."
        )
    samples = np.concatenate(blocks)
    # NaN is neither below nor above anything, so it is refused here too.
    if not (samples.min() >= -_LOUDEST and samples.max() <= _LOUDEST):
        raise UnreadableRecord(
            "voice: samples that are NaN, infinite or beyond 10^6; expected values in [-1, 1]."
        )
    return samples, rate


def _check_header(file: soundfile.SoundFile, form: str, limits: SoundLimits) -> None:
    family = {"WAVEX": "WAV", "MPEG": "MP3"}.get(file.format, file.format)
    if family != form or file.subtype not in FORMATS[form]:
        allowed = ", ".join(sorted(FORMATS[form]))
        raise UnreadableRecord(f"voice: a {form} coded in another way; expected {allowed}.")
    if not 1 <= file.channels <= limits.max_channels:
        raise UnreadableRecord(
            f"voice: {file.channels} channels; expected at most {limits.max_channels}."
        )
    if not _LOWEST_RATE <= file.samplerate <= limits.max_rate:
        raise UnreadableRecord(
            f"voice: {file.samplerate} samples a second; expected {_LOWEST_RATE} to "
            f"{limits.max_rate}."
        )
    if file.frames > limits.max_seconds * file.samplerate:
        raise _too_long(file.frames, file.samplerate, limits)


def _too_long(count: int, rate: int, limits: SoundLimits) -> UnreadableRecord:
    return UnreadableRecord(
        f"voice: at least {count // rate} s; expected at most {limits.max_seconds} s. "
        "Raise max_seconds, or cut it."
    )


def _at_rate(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    if rate == RATE:
        return samples
    common = gcd(RATE, rate)
    return np.asarray(resample_poly(samples, RATE // common, rate // common), dtype=np.float32)
