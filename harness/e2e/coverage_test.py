"""Nothing that the documents say about TLS over streams on these stacks is left without a clause or a reason."""

import re

# Sections 1 to 12 of the catalogue: the RFCs and the stacks that have a peer.
SECTIONS = re.compile(r"^(RFC|BCP|GNUTLS|OPENSSL|WOLFSSL|MBEDTLS|BORING|AWSLC|S2N|RUSTLS|NSS|BOTAN|GO|JSSE)")
DATAGRAMS = re.compile(r"DTLS|^RFC6347|^RFC9147")


def rows(text):
    return dict(re.findall(r"^\s+([A-Z0-9][A-Za-z0-9.-]+-[A-Za-z0-9.-]+)\s+(not yet|out of scope|\S.*)$", text, re.MULTILINE))


def test_every_row_but_those_on_datagrams_has_a_clause_or_a_reason(tlsbye):
    told = rows(tlsbye("list", "clauses", "--coverage", "--rows", check=0).stdout)
    ours = {row for row in told if SECTIONS.match(row) and not DATAGRAMS.search(row)}
    assert len(ours) > 300
    assert sorted(row for row in ours if told[row].startswith("not yet")) == []


def test_every_case_of_other_suites_is_carried_or_has_its_reason(tlsbye):
    told = tlsbye("list", "scenarios", check=0).stdout.splitlines()
    left = [i for i, line in enumerate(told) if re.match(r"B[0-9A-F]+ {3}|B[0-9A-F]{2,3}\s{2,}\S", line)]
    assert left, "DTLS and kernel TLS are not carried, so something is listed"
    for i in left:
        assert told[i + 1].strip().startswith("not carried: "), told[i]
