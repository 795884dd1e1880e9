"""Licences of data sets, by the identifiers of SPDX (https://spdx.org/licenses)."""

import re

NOT_STATED = "NOASSERTION"
"""What SPDX writes where nothing is known of a licence."""

_WORDS = {
    "unknown": NOT_STATED,
    "not stated": NOT_STATED,
    "public domain": "LicenseRef-public-domain",
    "cc0": "CC0-1.0",
    "mit": "MIT",
    "mit licence": "MIT",
    "mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "gpl 3.0": "GPL-3.0-only",
    "odc by 1.0": "ODC-By-1.0",
    "odbl 1.0": "ODbL-1.0",
    "pddl 1.0": "PDDL-1.0",
}
"""Licences as they are named, in small letters without hyphens, and as SPDX names them."""

_CREATIVE_COMMONS = re.compile(r"cc (by(?: nc)?(?: sa| nd)?) (\d\.\d)|cc0 (1\.0)")


def spdx(licence: str) -> str:
    """Return the SPDX expression of a licence.

    Parameters
    ----------
    licence
        The licence, as a data set names it.

    Returns
    -------
    str
        Its identifier; ``NOASSERTION`` if it is unknown, or only an address is given. A licence
        that SPDX does not list, or that is not recognised, is a ``LicenseRef-`` with its name, as
        SPDX asks. There is no identifier for the public domain, which is no licence.

    Examples
    --------
    >>> from apical.data.licences import spdx
    >>> spdx("CC BY-SA 3.0"), spdx("MIT"), spdx("unknown")
    ('CC-BY-SA-3.0', 'MIT', 'NOASSERTION')
    >>> spdx("public domain"), spdx("Ask the authors!")
    ('LicenseRef-public-domain', 'LicenseRef-Ask-the-authors')
    """
    plain = " ".join(re.split(r"[\s\-_]+", licence.strip().lower())).removesuffix(" licence")
    found = _CREATIVE_COMMONS.fullmatch(plain)
    if found:
        return f"CC-{found[1].replace(' ', '-').upper()}-{found[2]}" if found[1] else "CC0-1.0"
    if plain in _WORDS or not plain:
        return _WORDS.get(plain, NOT_STATED)
    if "://" in licence:  # a place where it may be read, not its name
        return NOT_STATED
    listed = {name.lower(): name for name in _WORDS.values()}
    if licence.strip().lower() in listed:
        return listed[licence.strip().lower()]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", licence).strip("-")[:100]
    return f"LicenseRef-{name}" if name else NOT_STATED
