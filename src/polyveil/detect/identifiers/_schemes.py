# SPDX-License-Identifier: Apache-2.0
"""National identifiers: which lengths and forms they have, and how sure their checksum makes us.

A scheme whose checksum is weak (one digit in ten passes) counts only beside a word that announces
it, or in its official punctuation. Source of the checksums: python-stdnum.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of national identifier.

    Attributes:
      name: facet "scheme", e.g. "us_ssn".
      module: python-stdnum's module below `stdnum`, or "" where the form alone decides.
      length: how many digits.
      cues: words that announce it, separated by "|".
      punctuated: the digit groups of its official punctuation, e.g. "3-2-4"; sure without a cue.
      strong: whether form and checksum are enough without a cue.
    """

    name: str
    module: str
    length: int
    cues: str
    punctuated: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class LetteredScheme:
    """A national identifier with letters: in `form`, D is a digit and S an optional separator."""

    name: str
    module: str
    form: str
    cues: str = ""


_ID = (
    "id|id number|identity|identification|national id|national number"
    "|personal number|insurance number"
)

DIGITS: tuple[Scheme, ...] = (
    Scheme("us_ssn", "us.ssn", 9, "ssn|social security|social|ss#|ssn#|sosec", "3-2-4"),
    Scheme("us_itin", "us.itin", 9, "itin|taxpayer|tax id|tin", "3-2-4"),
    Scheme("gb_nhs", "gb.nhs", 10, "nhs|national health|patient|hospital number"),
    Scheme("fr_nir", "fr.nir", 15, "", strong=True),
    Scheme("de_idnr", "de.idnr", 11, "steuer|steuer-id|steueridentifikationsnummer|idnr|tax id|tin"
        "|identifikationsnummer"),
    Scheme("nl_bsn", "nl.bsn", 9, "bsn|burgerservicenummer|sofi|sofinummer|citizen service"),
    Scheme("pl_pesel", "pl.pesel", 11, "", strong=True),
    Scheme("be_nn", "be.nn", 11, "", strong=True),
    Scheme("se_personnummer", "se.personnummer", 10, "personnummer|personal number|pnr|" + _ID,
            "6-4"),
    Scheme("se_personnummer", "se.personnummer", 12, "", "8-4", strong=True),
    Scheme("dk_cpr", "dk.cpr", 10, "cpr|personnummer|cpr-nummer", "6-4"),
    Scheme("no_fodselsnummer", "no.fodselsnummer", 11, "", strong=True),
    Scheme("br_cpf", "br.cpf", 11, "cpf|cadastro", "3-3-3-2"),
    Scheme("in_aadhaar", "in_.aadhaar", 12, "aadhaar|aadhar|uidai|uid", "4-4-4"),
    Scheme("au_tfn", "au.tfn", 9, "tfn|tax file"),
    Scheme("ca_sin", "ca.sin", 9, "sin|social insurance|nas"),
    Scheme("cn_ric", "cn.ric", 18, "", strong=True),
    Scheme("kr_rrn", "kr.rrn", 13, "rrn|resident|jumin|" + _ID, "6-7"),
    Scheme("tr_tckimlik", "tr.tckimlik", 11, "tc|kimlik|tckn|vatandaşlık|turkish|" + _ID),
    Scheme("pt_nif", "pt.nif", 9, "nif|contribuinte|fiscal"),
    Scheme("ch_ahv", "ch.ssn", 13, "", strong=True),
    Scheme("at_svnr", "at.vnr", 10, "svnr|sozialversicherung|sozialversicherungsnummer|sv-nummer"
        "|versicherungsnummer"),
    Scheme("il_id", "il.idnr", 9, "teudat|zehut|israeli|" + _ID),
    Scheme("za_id", "za.idnr", 13, "south african|rsa|" + _ID),
    Scheme("ro_cnp", "ro.cnp", 13, "", strong=True),
    Scheme("cz_rc", "cz.rc", 10, "rodné|rodne|rč|birth number", "6-4"),
    Scheme("gr_amka", "gr.amka", 11, "amka|αμκα"),
    Scheme("hr_oib", "hr.oib", 11, "oib"),
    Scheme("ee_ik", "ee.ik", 11, "isikukood|estonian|" + _ID),
    Scheme("lt_ak", "lt.asmens", 11, "asmens|lithuanian|" + _ID),
    Scheme("bg_egn", "bg.egn", 10, "egn|егн"),
    Scheme("jp_my_number", "jp.in_", 12, "my number|individual number|kojin"),
    Scheme("is_kennitala", "is_.kennitala", 10, "kennitala", "6-4"),
    Scheme("th_pin", "th.pin", 13, "thai|" + _ID),
    Scheme("nz_ird", "nz.ird", 9, "ird|inland revenue"),
    Scheme("us_ein", "us.ein", 9, "ein|employer identification"),
)  # fmt: skip

LETTERED: tuple[LetteredScheme, ...] = (
    LetteredScheme("gb_nino", "",
            r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]SDDSDDSDDS[A-D]"),
    LetteredScheme("fr_nir", "fr.nir", r"[12]SDDSDDS2[AB]SDDDSDDDSDD"),
    LetteredScheme("es_dni", "es.dni", r"DDSDDDSDDDS[A-Z]"),
    LetteredScheme("es_nie", "es.nie", r"[XYZ]SDDDDDDDS[A-Z]"),
    LetteredScheme("it_codice_fiscale", "it.codicefiscale",
            r"[A-Z]{3}S[A-Z]{3}SDDS[A-EHLMPRST]SDDS[A-Z]SDDDS[A-Z]"),
    LetteredScheme("fi_hetu", "fi.hetu", r"DDDDDD[-+A-FU-Y]DDD[0-9A-FHJ-NPR-Y]"),
    LetteredScheme("cn_ric", "cn.ric", r"DDDDDDSDDDDDDDDSDDDX"),
    LetteredScheme("mx_curp", "mx.curp", r"[A-Z]{4}DDDDDD[HM][A-Z]{5}[A-Z0-9]D"),
    LetteredScheme("in_pan", "in_.pan",
            r"[A-Z]{3}[ABCFGHJLPT][A-Z]DDDD[A-Z]", "pan|permanent account"),
    LetteredScheme("ie_pps", "ie.pps", r"DDDDDDD[A-W][A-IW]?", "pps|ppsn|ppsno|personal public"),
    LetteredScheme("cl_rut", "cl.rut", r"DD?\.?DDD\.?DDD-[0-9K]", "rut|run|rol"),
    LetteredScheme("sg_nric", "", r"[STFGM]DDDDDDD[A-Z]", "nric|fin|ic"),
)  # fmt: skip


@lru_cache(maxsize=128)
def validator(module: str) -> Callable[[str], bool]:
    """The checksum of a python-stdnum module; loaded when first needed."""
    if not module:
        return lambda _: True
    check: Callable[[str], bool] = importlib.import_module(f"stdnum.{module}").is_valid
    return check
