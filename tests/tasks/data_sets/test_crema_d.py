# SPDX-License-Identifier: Apache-2.0
"""CREMA-D's layout, made up small: actors tied, frames found in every known place."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.privacy.ledger import content_hash
from polyveil.tasks.data_sets.crema_d import extract_frames, find_crema_d, read_crema_d

CLIPS = ("1001_DFA_ANG_XX", "1001_IEO_HAP_LO", "1002_DFA_SAD_XX", "1003_TIE_NEU_X")


def sound(path: Path, hertz: float) -> None:
    time = np.arange(16_000) / 16_000
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 6))
    soundfile.write(path, 0.2 * np.asarray(wave), 16_000, subtype="PCM_16")


@pytest.fixture
def crema(tmp_path: Path) -> Path:
    (tmp_path / "AudioWAV").mkdir()
    for at, clip in enumerate(CLIPS):
        sound(tmp_path / "AudioWAV" / f"{clip}.wav", 120 + 40 * at)
    return tmp_path


def with_frames(root: Path, *, folders: bool, name: str) -> None:
    draw = np.random.default_rng(0)
    for clip in CLIPS[:3]:
        place = root / name / clip if folders else root / name
        place.mkdir(parents=True, exist_ok=True)
        for number in (1, 2, 3) if folders else (0,):
            file = place / (f"{number:05d}.jpg" if folders else f"{clip}.jpg")
            cv2.imwrite(str(file), draw.integers(0, 255, (24, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "folders"), [("frames", False), ("Image-01-FPS", True), ("VideoFlash", True)]
)
def test_layouts(crema: Path, name: str, folders: bool) -> None:
    with_frames(crema, folders=folders, name=name)
    data = read_crema_d(crema)
    assert data.labels == ("anger", "happiness", "sadness", "neutral")
    assert data.ties[0] == data.ties[1] == {"actor 1001"} and data.ties[2] == {"actor 1002"}
    assert [record.person for record in data.records] == ["1001", "1001", "1002", "1003"]
    middle = f"{name}/{CLIPS[0]}/00002.jpg" if folders else f"{name}/{CLIPS[0]}.jpg"
    assert data.records[0].image_name == middle and data.records[3].image is None


def test_reads_into_numbers_with_what_is_missing(crema: Path) -> None:
    with_frames(crema, folders=False, name="frames")
    (crema / "AudioWAV" / f"{CLIPS[0]}.wav").unlink()
    ends = {"face": front_end("image", size=16, channels=1), "voice": front_end("prosody")}
    found = read_crema_d(crema).read(ends)
    assert found.present.tolist() == [[True, False], [True, True], [True, True], [False, True]]
    assert found.inputs["voice"].shape == (4, 28) and not found.refused


def test_frames_are_made_of_the_videos(crema: Path) -> None:
    videos = crema / "VideoFlash"
    videos.mkdir()
    path = videos / f"{CLIPS[0]}.flv"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FLV1"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no FLV")
    for level in range(9):
        writer.write(np.full((48, 64, 3), 25 * level, np.uint8))
    writer.release()
    (videos / f"{CLIPS[1]}.flv").write_bytes(b"no video")
    with pytest.raises(UsageError, match="extract_frames"):
        read_crema_d(crema)
    assert extract_frames(crema) == 1
    frame = cv2.imread(str(crema / "frames" / f"{CLIPS[0]}.jpg"))
    assert frame.mean() == pytest.approx(100, abs=8)  # the fifth of nine frames
    assert extract_frames(crema) == 0
    data = read_crema_d(crema)
    assert data.records[0].image is not None and data.records[1].image is None


def test_foreign_names_are_refused_one_by_one(crema: Path) -> None:
    with_frames(crema, folders=False, name="frames")
    shutil.copy(crema / "AudioWAV" / f"{CLIPS[0]}.wav", crema / "AudioWAV" / "holiday.wav")
    data = read_crema_d(crema)
    assert len(data) == 4 and len(data.refused) == 1 and "holiday" not in data.refused[0].reason


def test_what_file_managers_leave_is_no_clip_and_suffixes_may_be_written_otherwise(
    crema: Path,
) -> None:
    with_frames(crema, folders=False, name="frames")
    sounds, frames = crema / "AudioWAV", crema / "frames"
    (sounds / f"{CLIPS[0]}.wav").rename(sounds / f"{CLIPS[0]}.WAV")
    wave, rate = soundfile.read(sounds / f"{CLIPS[1]}.wav")
    soundfile.write(sounds / f"{CLIPS[1]}.flac", wave, rate)
    (sounds / f"{CLIPS[1]}.wav").unlink()
    (frames / f"{CLIPS[0]}.jpg").rename(frames / f"{CLIPS[0]}.JPG")
    (frames / f"{CLIPS[1]}.jpg").rename(frames / f"{CLIPS[1]}.jpeg")
    for left in (sounds / f"._{CLIPS[0]}.wav", frames / f"._{CLIPS[0]}.jpg", frames / ".DS_Store"):
        left.write_bytes(b"\0\5\x16\7")
    (frames / ".thumbnails").mkdir()
    (frames / "@eaDir").mkdir()
    data = read_crema_d(crema)
    assert len(data) == 4 and not data.refused
    assert all(record.voice is not None for record in data.records)
    assert [record.image is not None for record in data.records] == [True, True, True, False]
    ends = {"face": front_end("image", size=16, channels=1), "voice": front_end("prosody")}
    assert not data.read(ends).refused


def test_sounds_and_frames_pay_and_nothing_else_that_lies_there(crema: Path) -> None:
    assert find_crema_d(crema) == (crema / "AudioWAV",)
    with_frames(crema, folders=False, name="frames")
    (crema / "frames2").mkdir()
    found = find_crema_d(crema)
    assert found == (crema / "AudioWAV", crema / "frames")
    before = [content_hash(folder) for folder in found]
    (crema / "AudioMP3").mkdir()
    (crema / "AudioMP3" / f"{CLIPS[0]}.mp3").write_bytes(b"more")
    (crema / "README.md").write_text("more")
    assert [content_hash(folder) for folder in find_crema_d(crema)] == before
    assert read_crema_d(*found) == read_crema_d(crema)
    assert find_crema_d(crema / "frames") == ()


def test_frames_of_another_rate_are_found(crema: Path) -> None:
    with_frames(crema, folders=True, name="Image-10-FPS")
    (crema / "VideoFlash").mkdir()
    assert read_crema_d(crema).records[0].image_name == f"Image-10-FPS/{CLIPS[0]}/00002.jpg"


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 414429\n"


def test_pointers_in_place_of_files_are_named_as_such(crema: Path) -> None:
    with_frames(crema, folders=False, name="frames")
    for path in (crema / "AudioWAV").iterdir():
        path.write_bytes(POINTER)
    with pytest.raises(UsageError, match="AudioWAV/ holds git-lfs pointers"):
        read_crema_d(crema)
    (crema / "VideoFlash").mkdir()
    (crema / "VideoFlash" / f"{CLIPS[0]}.flv").write_bytes(POINTER)
    with pytest.raises(UsageError, match="VideoFlash/ holds git-lfs pointers"):
        extract_frames(crema)


def test_one_pointer_is_one_refusal(crema: Path) -> None:
    with_frames(crema, folders=False, name="frames")
    (crema / "AudioWAV" / f"{CLIPS[0]}.wav").write_bytes(POINTER)
    found, _ = read_crema_d(crema).readable({"voice": front_end("prosody")})
    assert len(found) == 3 and len(found.refused) == 1


def test_a_clip_that_is_not_what_its_name_says_is_refused(crema: Path) -> None:
    with_frames(crema, folders=False, name="frames")
    sound(crema / "AudioWAV" / "1064_IEO_DIS_MD.wav", 200)
    (crema / "AudioWAV" / "1064_TIE_SAD_XX.wav").write_bytes(b"")
    soundfile.write(crema / "AudioWAV" / "1076_MTI_SAD_XX.wav", np.zeros(16_000), 16_000)
    data = read_crema_d(crema)
    assert len(data) == 6 and "all emotions" in data.refused[0].reason
    assert len(data.read({"voice": front_end("voice")}).refused) == 3


def test_the_command_in_the_message_makes_frames(crema: Path) -> None:
    with pytest.raises(UsageError, match="no frames") as error:
        read_crema_d(crema)
    command = str(error.value).partition('-c "')[2].removesuffix('"')
    (crema / "VideoFlash").mkdir()
    (crema / "VideoFlash" / f"{CLIPS[0]}.flv").write_bytes(b"no video")
    names: dict[str, object] = {}
    exec(command.replace("CREMA-D", str(crema)).replace("print(", "made = ("), names)  # noqa: S102
    assert names["made"] == 0
    with pytest.raises(UsageError, match="no videos"):
        extract_frames(str(crema / "AudioWAV"))


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="AudioWAV"):
        read_crema_d(tmp_path)
