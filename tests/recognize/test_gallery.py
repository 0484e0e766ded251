# SPDX-License-Identifier: Apache-2.0
"""The gallery keeps no embedding, no name and no key; revoked is gone; writers stand in line."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from synthetic_people import KEY, SCHEME, people

from polyveil.errors import GalleryError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.gallery import Gallery
from polyveil.recognize.normalise import Cohort
from polyveil.recognize.scheme import Scheme

FACES = people(12, alike=0.95, seed=1)
VOICES = people(12, alike=0.95, dimension=32, seed=2)


def both(index: int, sample: int = 0) -> dict[str, np.ndarray]:
    return {"face": FACES[index, sample], "voice": VOICES[index, sample]}


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A SQLite file; and a fresh schema where there is a server."""
    if request.param == "sqlite":
        return str(tmp_path / "gallery.db")
    return str(request.getfixturevalue("postgresql"))


@pytest.fixture
def gallery(place: str) -> Gallery:
    return Gallery(place, key=KEY)


def test_enrolled_people_score_high_and_others_do_not(gallery: Gallery) -> None:
    ids = [gallery.enroll(f"person {index}", both(index)) for index in range(12)]
    found = gallery.compare(both(3, 1))
    assert sorted(found.subjects) == sorted(ids)
    for scores in found.scores.values():
        assert found.subjects[int(scores.argmax())] == ids[3]
    only = gallery.compare(both(3, 1), names=["person 3", "person 4", "nobody"])
    assert set(only.subjects) == {ids[3], ids[4]}


def test_any_subset_of_modalities(gallery: Gallery) -> None:
    gallery.enroll("all", both(0))
    heard = gallery.enroll("heard", {"voice": VOICES[1]})
    found = gallery.compare(both(1, 1))
    row = found.subjects.index(heard)
    assert np.isnan(found.scores["face"][row])
    assert found.scores["voice"][row] > 0.5
    assert gallery.compare({"face": FACES[0, 1]}).subjects == (gallery.subject("all"),)
    gallery.enroll("heard", {"face": FACES[1]})  # the other modality, later
    assert not np.isnan(gallery.compare(both(1, 1)).scores["face"]).any()


def test_revoked_templates_are_rejected_and_erased(gallery: Gallery) -> None:
    gallery.enroll("a", both(0))
    assert gallery.revoke("a", "face") == 1
    assert gallery.compare({"face": FACES[0, 1]}).subjects == ()
    assert gallery.compare(both(0, 1)).subjects == (gallery.subject("a"),)
    assert gallery.revoke("a") == 1
    assert gallery.compare(both(0, 1)).subjects == ()
    assert gallery.revoke("a") == gallery.revoke("never enrolled") == 0
    assert {entry.status for entry in gallery.entries()} == {"revoked"}
    assert all(entry.revoked for entry in gallery.entries())


def test_renewed_under_a_fresh_secret(gallery: Gallery) -> None:
    subject = gallery.enroll("a", both(0))
    before = {entry.enrolment for entry in gallery.entries()}
    assert gallery.renew("a", both(0, 1)) == subject
    now = [entry for entry in gallery.entries() if entry.status == "active"]
    assert {entry.modality for entry in now} == {"face", "voice"}
    assert not before & {entry.enrolment for entry in now}
    assert gallery.compare(both(0)).scores["face"][0] > 0.5
    gallery.revoke("a")
    with pytest.raises(UsageError, match="enrol instead"):
        gallery.renew("a", both(0))
    assert gallery.enroll("a", both(0)) == subject  # re-enrolled


def test_forgotten_leaves_nothing(gallery: Gallery) -> None:
    gallery.enroll("a", both(0))
    gallery.revoke("a", "voice")
    gallery.enroll("b", both(1))
    assert gallery.forget("a") == 2
    assert {entry.subject for entry in gallery.entries()} == {gallery.subject("b")}


def test_enrolling_is_all_or_nothing(gallery: Gallery) -> None:
    gallery.enroll("a", {"voice": VOICES[0]})
    with pytest.raises(UsageError, match="active template for voice"):
        gallery.enroll("a", both(0))
    assert len(gallery.entries()) == 1
    with pytest.raises(UsageError, match="not all zeros"):
        gallery.enroll("b", {"face": FACES[1], "voice": np.zeros(32)})
    assert len(gallery.entries()) == 1


def test_concurrent_enrolments_of_one_person_leave_one(place: str) -> None:
    galleries = [Gallery(place, key=KEY) for _ in range(3)]
    done: list[str] = []

    def enrol(gallery: Gallery, index: int) -> None:
        try:
            gallery.enroll("same", both(0))
            gallery.enroll(f"other {index}", both(index))
            done.append("enrolled")
        except UsageError:
            gallery.enroll(f"other {index}", both(index))
            done.append("refused")

    threads = [
        threading.Thread(target=enrol, args=(galleries[index % 3], index)) for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["enrolled"] + ["refused"] * 7
    entries = galleries[0].entries()
    assert len(entries) == 2 * 9
    assert len({entry.subject for entry in entries}) == 9


def _enrol_many(place: str, first: int) -> None:
    gallery = Gallery(place, key=KEY)
    for index in range(first, first + 3):
        gallery.enroll(f"person {index}", both(index))


def test_concurrent_processes_open_and_enrol(tmp_path: Path) -> None:
    place = str(tmp_path / "gallery.db")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_enrol_many, args=(place, first)) for first in (0, 3, 6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(Gallery(place, key=KEY).entries()) == 18


def test_no_embedding_no_name_no_key_in_the_file(tmp_path: Path) -> None:
    """Canaries: bytes of the embedding in any width and order, the name, the key, the secret."""
    canary = np.random.default_rng(9).normal(size=64)
    gallery = Gallery(tmp_path / "gallery.db", key=KEY)
    subject = gallery.enroll("Canary Person", {"face": canary})
    [entry] = gallery.entries()
    secret = gallery._secret(subject, "face", entry.enrolment)
    unit = canary / np.linalg.norm(canary)
    forbidden = [b"Canary Person", KEY._secret, secret, secret.hex().encode()]
    for values in (canary, unit):
        for kind in ("<f8", ">f8", "<f4", ">f4", "<f2", ">f2"):
            stored = values.astype(kind).tobytes()
            width = 2 * np.dtype(kind).itemsize  # any two neighbours
            forbidden += [stored[at : at + width] for at in range(0, len(stored), width)]
        forbidden += [repr(float(value))[:8].encode() for value in values]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert entry.enrolment.encode() in written  # the look works
    short = [bytes_ for bytes_ in forbidden if len(bytes_) >= 4 and bytes_ in written]
    assert short == []


def test_revoked_cells_are_overwritten_in_the_file(tmp_path: Path) -> None:
    place = tmp_path / "gallery.db"
    gallery = Gallery(place, key=KEY, schemes={"face": SCHEME})
    gallery.enroll("a", {"face": FACES[0]})
    with sqlite3.connect(place) as base:
        [[template]] = base.execute("SELECT template FROM polyveil_template")
    assert template in place.read_bytes()
    gallery.revoke("a")
    assert template not in place.read_bytes()


def test_the_write_lock_is_taken_before_anything_is_read(tmp_path: Path) -> None:
    store = Gallery(tmp_path / "g.db", key=KEY)._store
    with store.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
        other = sqlite3.connect(tmp_path / "g.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_another_key_is_refused_and_gives_other_ids(tmp_path: Path) -> None:
    gallery, foreign = Gallery(tmp_path / "g.db", key=KEY), ProjectKey.ephemeral()
    with pytest.raises(GalleryError, match=foreign.id):
        Gallery(tmp_path / "g.db", key=foreign)
    assert Gallery(tmp_path / "h.db", key=foreign).subject("a") != gallery.subject("a")


def test_a_cohort_normalises(gallery: Gallery) -> None:
    for index in range(4):
        gallery.enroll(f"person {index}", {"face": FACES[index]})
    background = people(40, seed=7)[:, 0]
    cohort = Cohort(frozenset("xyz"), {"face": background})
    found = gallery.compare({"face": FACES[2, 1]}, cohort=cohort)
    scores = found.scores["face"]
    own = found.subjects.index(gallery.subject("person 2"))
    assert int(scores.argmax()) == own
    assert scores[own] > 3  # in standard deviations of strangers


def test_unfit_places_and_probes_are_refused(tmp_path: Path) -> None:
    for url, words in (("mysql://x/y", "expected the path"), ("sqlite://", "expected the path")):
        with pytest.raises(UsageError, match=words):
            Gallery(url, key=KEY)
    with pytest.raises(GalleryError, match="not a file"):
        Gallery(tmp_path, key=KEY)
    place = tmp_path / "gallery.db"
    gallery = Gallery(place, key=KEY, schemes={"face": Scheme(64, 16)})
    gallery.enroll("a", {"face": FACES[0]})
    with pytest.raises(UsageError, match="expected 64 numbers"):
        gallery.compare({"face": np.ones(32)})
    for empty in (lambda: gallery.compare({}), lambda: gallery.enroll("b", {})):
        with pytest.raises(UsageError, match="at least one modality"):
            empty()
    place.chmod(0o644)
    with pytest.raises(GalleryError, match="chmod 600"):
        Gallery(place, key=KEY)


def test_damage_is_told_without_a_traceback_of_the_database(tmp_path: Path) -> None:
    place = tmp_path / "gallery.db"
    gallery = Gallery(place, key=KEY)
    gallery.enroll("a", {"face": FACES[0]})
    with sqlite3.connect(place) as base:
        base.execute("UPDATE polyveil_template SET template = x'00'")
    with pytest.raises(GalleryError, match="template: expected at least"):
        gallery.compare({"face": FACES[0]})
    place.write_bytes(b"no database at all" * 100)
    place.chmod(0o600)
    with pytest.raises(GalleryError, match="not a database"):
        gallery.entries()


def test_many_probes_at_once_are_compared_as_one_by_one(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "g.db", key=KEY)
    draw = np.random.default_rng(0)
    for at in range(6):
        modalities = {"face", "voice"} if at % 2 else {"face"}
        gallery.enroll(f"p{at}", {name: draw.normal(size=16) for name in modalities})
    face, voice = draw.normal(size=(2, 4, 16))
    probes = [{"face": face[0], "voice": voice[0]}, {"voice": voice[1]}, {"face": face[2]}]
    together = gallery.compare_all(probes)
    for probe, found in zip(probes, together, strict=True):
        alone = gallery.compare(probe)
        assert found.subjects == alone.subjects and set(found.scores) == set(probe)
        for name in probe:
            np.testing.assert_allclose(found.scores[name], alone.scores[name], atol=1e-12)
    assert len(together[1].subjects) == 3 and gallery.compare_all([]) == []


def test_templates_of_another_encoder_are_never_compared_with(tmp_path: Path) -> None:
    place, vector = tmp_path / "g.db", np.random.default_rng(0).normal(size=16)
    first, second = (Gallery(place, key=KEY, encoder=name) for name in ("one", "other"))
    first.enroll("a", {"face": vector})
    assert first.active("a") == {"face": "one"} and first.entries()[0].encoder == "one"
    with pytest.raises(GalleryError, match="another encoder"):
        second.compare({"face": vector})
    second.renew("a", {"face": vector})
    assert second.compare({"face": vector}).scores["face"][0] > 0.9
    with pytest.raises(GalleryError, match="another encoder"):
        first.compare({"face": vector})


def test_renewing_may_enrol_what_is_missing_in_the_same_transaction(tmp_path: Path) -> None:
    gallery, vector = Gallery(tmp_path / "g.db", key=KEY), np.random.default_rng(0).normal(size=16)
    gallery.enroll("a", {"face": vector})
    with pytest.raises(UsageError, match="enrol instead"):
        gallery.renew("a", {"face": vector, "voice": vector})
    gallery.renew("a", {"face": vector, "voice": vector}, enrol_missing=True)
    assert set(gallery.active("a")) == {"face", "voice"}
