# SPDX-License-Identifier: Apache-2.0
"""The vault gives everything back to the right passphrase and nothing to anything else."""

from __future__ import annotations

import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyveil.errors import VaultError
from polyveil.privacy.vault import Vault

COST = 2**14
WORD = "correct horse battery"
SECRET = "Eileen Marie Collins"


def filled(path: Path, records: int = 3) -> Vault:
    vault = Vault.create(path, WORD, cost=COST)
    with vault.batch():
        for i in range(records):
            vault.put_person(f"person:{i}", {"given": ["Ann"], "token": f"{i:032x}"})
            released = f"Ann Walker {i} smiles"
            vault.put_texts(f"out-{i}", {("text",): (released, [(0, 10, SECRET)])})
    return vault


def test_round_trip(tmp_path: Path):
    filled(tmp_path / "v").close()
    with Vault.open(tmp_path / "v", WORD) as vault:
        assert vault.restore_text("out-1", "Ann Walker 1 smiles", ("text",)) == f"{SECRET} 1 smiles"
        assert vault.persona("person:2") == {"given": ["Ann"], "token": f"{2:032x}"}
        assert vault.persona("nobody") is None
        assert [person for person, _ in vault.persons()] == [f"person:{i}" for i in range(3)]


def test_the_last_entry_counts(tmp_path: Path):
    with filled(tmp_path / "v") as vault:
        vault.put_person("person:0", {"given": ["Eve"]})
        vault.put_value("registry", {"a": 1})
        assert vault.persona("person:0") == {"given": ["Eve"]}
        assert dict(vault.persons())["person:0"] == {"given": ["Eve"]}
        assert vault.value("registry") == {"a": 1}


def test_mode_and_place(tmp_path: Path):
    filled(tmp_path / "v").close()
    assert stat.S_IMODE((tmp_path / "v").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["v"]
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "door").symlink_to(out)
    for path in (out / "v", out / "deep" / ".." / "v", tmp_path / "door" / "v"):
        with pytest.raises(VaultError, match="output folder"):
            Vault.create(path, WORD, outside=out, cost=COST)
    with pytest.raises(VaultError, match="already"):
        Vault.create(tmp_path / "v", WORD, cost=COST)
    (tmp_path / "v").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.open(tmp_path / "v", WORD)


def test_a_wrong_passphrase_opens_nothing_and_tells_nothing(tmp_path: Path):
    filled(tmp_path / "v").close()
    with pytest.raises(VaultError) as refusal:
        Vault.open(tmp_path / "v", "wrong horse battery")
    assert "wrong horse" not in str(refusal.value) and WORD not in str(refusal.value)
    with pytest.raises(VaultError, match="no vault"):
        Vault.open(tmp_path / "absent", WORD)
    with pytest.raises(VaultError, match="8 characters"):
        Vault.create(tmp_path / "w", "short", cost=COST)


def test_the_file_holds_no_plaintext(tmp_path: Path):
    filled(tmp_path / "v").close()
    stored = (tmp_path / "v").read_bytes()
    for canary in (SECRET, "Collins", "person:1", "out-1", "Ann", WORD):
        assert canary.encode() not in stored


def test_a_flipped_byte_never_yields_something_else(tmp_path: Path):
    filled(tmp_path / "v").close()
    whole = (tmp_path / "v").read_bytes()
    rng = random.Random(5)
    noticed = 0
    for position in rng.sample(range(len(whole)), 40):
        broken = bytearray(whole)
        broken[position] ^= rng.randrange(1, 256)
        path = tmp_path / "broken"
        path.write_bytes(bytes(broken))
        path.chmod(0o600)
        try:
            with Vault.open(path, WORD) as vault:
                for i in range(3):
                    text = vault.restore_text(f"out-{i}", f"Ann Walker {i} smiles", ("text",))
                    assert text == f"{SECRET} {i} smiles"  # the byte was in unused space
        except VaultError:
            noticed += 1
    assert noticed


def test_every_flip_within_a_sealed_row_is_noticed(tmp_path: Path):
    filled(tmp_path / "v").close()
    for column in ("body", "tag"):
        for number in (1, 4, 6):
            path = copied(tmp_path / "v", tmp_path / "w")
            base = sqlite3.connect(path)
            (old,) = base.execute(f"SELECT {column} FROM sealed WHERE number = {number}").fetchone()  # noqa: S608
            new = bytes([old[0] ^ 1]) + old[1:]
            base.execute(f"UPDATE sealed SET {column} = ? WHERE number = {number}", (new,))  # noqa: S608
            base.commit()
            base.close()
            with pytest.raises(VaultError):
                Vault.open(path, WORD)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM sealed WHERE number = 6",
        "DELETE FROM sealed WHERE number = 2",
        "DELETE FROM sealed",
        "INSERT INTO sealed SELECT 7, tag, body FROM sealed WHERE number = 6",
        "UPDATE sealed SET body = (SELECT body FROM sealed WHERE number = 1) WHERE number = 3",
        "UPDATE header SET cost = 32768",
        "UPDATE header SET cost = 2",
        "UPDATE header SET salt = x'00'",
        "UPDATE header SET head = NULL",
        "DELETE FROM header",
    ],
)
def test_rows_cannot_be_dropped_added_or_swapped(tmp_path: Path, damage: str):
    filled(tmp_path / "v").close()
    base = sqlite3.connect(tmp_path / "v")
    base.execute(damage)
    base.commit()
    base.close()
    with pytest.raises(VaultError):
        Vault.open(tmp_path / "v", WORD)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float):
    filled(tmp_path / "v", 40).close()
    whole = (tmp_path / "v").read_bytes()
    (tmp_path / "v").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(VaultError):
        Vault.open(tmp_path / "v", WORD)


def test_an_old_copy_put_back_is_noticed_by_whoever_kept_the_head(tmp_path: Path):
    with filled(tmp_path / "v") as vault:
        early = vault.head
        copied(tmp_path / "v", tmp_path / "old")
        vault.put_person("person:9", {})
        late = vault.head
    Vault.open(tmp_path / "v", WORD, expected_head=early).close()
    Vault.open(tmp_path / "v", WORD, expected_head=late).close()
    with pytest.raises(VaultError, match="older state"):
        Vault.open(tmp_path / "old", WORD, expected_head=late)


def test_a_changed_text_is_refused(tmp_path: Path):
    with filled(tmp_path / "v") as vault:
        for record, text, path in (
            ("out-1", "Ann Walker 1 smiled", ("text",)),
            ("out-2", "Ann Walker 1 smiles", ("text",)),
            ("out-9", "Ann Walker 1 smiles", ("text",)),
            ("out-1", "Ann Walker 1 smiles", ("notes",)),
        ):
            with pytest.raises(VaultError) as refusal:
                vault.restore_text(record, text, path)
            assert SECRET not in str(refusal.value)


def test_a_new_passphrase_replaces_the_old_one(tmp_path: Path):
    with filled(tmp_path / "v") as vault:
        vault.rotate("another passphrase", cost=COST)
        vault.put_person("person:7", {})
    with pytest.raises(VaultError):
        Vault.open(tmp_path / "v", WORD)
    with Vault.open(tmp_path / "v", "another passphrase") as vault:
        assert vault.restore_text("out-0", "Ann Walker 0 smiles", ("text",)).startswith(SECRET)


def test_an_empty_vault_can_be_rotated(tmp_path: Path):
    with Vault.create(tmp_path / "v", WORD, cost=COST) as vault:
        vault.rotate("another passphrase", cost=COST)
    Vault.open(tmp_path / "v", "another passphrase").close()


def test_a_failed_batch_leaves_nothing(tmp_path: Path):
    with filled(tmp_path / "v") as vault:
        before = vault.head
        with pytest.raises(RuntimeError), vault.batch():
            vault.put_person("person:8", {})
            raise RuntimeError
        assert vault.head == before
        assert vault.persona("person:8") is None


def test_two_writers_take_turns(tmp_path: Path):
    with filled(tmp_path / "v") as one, Vault.open(tmp_path / "v", WORD) as two:
        for i in range(5):
            one.put_person(f"one:{i}", {})
            two.put_person(f"two:{i}", {})
    with Vault.open(tmp_path / "v", WORD) as vault:
        assert sum(1 for _ in vault.persons()) == 13


def test_a_killed_writer_leaves_a_whole_vault(tmp_path: Path):
    filled(tmp_path / "v").close()
    script = (
        "import sys; from pathlib import Path; from polyveil.privacy.vault import Vault\n"
        f"v = Vault.open(Path(sys.argv[1]), {WORD!r})\n"
        "print('open', flush=True)\n"
        f"for i in range(10**6):\n"
        "    v.put_person(f'p{i}', {'i': i})\n"
        f"    if i % 20 == 10: v.rotate({WORD!r}, cost={COST})\n"
    )
    rng = random.Random(1)
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "v")], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.4))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        with Vault.open(tmp_path / "v", WORD) as vault:
            assert vault.restore_text("out-0", "Ann Walker 0 smiles", ("text",)).startswith(SECRET)


def copied(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    target.chmod(0o600)
    return target
