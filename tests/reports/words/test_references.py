"""References: which repository, and where to read more."""

from __future__ import annotations

import re

import pytest

from refold.properties.diagnosis.catalogue import catalogue
from refold.reports.words.references import parts, spelled_out

from ..specimens import blind, page_of, result

MARTEN = "https://github.com/JasperFx/marten/issues/"


@pytest.mark.parametrize(
    ("reference", "said", "urls"),
    [
        ("commanded/eventstore#3", None, ["https://github.com/commanded/eventstore/issues/3"]),
        ("marten#4591 (6 of 8 racers won), #1665", "marten#4591 (6 of 8 racers won), marten#1665", ["4591", "1665"]),
        ("marten#4953 (PR#4977)", "marten#4953 (marten PR#4977)", ["4953", "4977"]),
        ("marten#4749/#4765", "marten#4749, marten#4765", ["4749", "4765"]),
        ("emmett commit c4058df4 (#239)", "emmett commit c4058df4 (emmett#239)", 1),
        ("gregoryyoung in KurrentDB#1732", None, ["https://github.com/kurrent-io/KurrentDB/issues/1732"]),
        ("KurrentDB PR#1354", None, ["https://github.com/kurrent-io/KurrentDB/issues/1354"]),
        ("herdmates#59 (small project)", None, []),
        ("aks151 incident #12 (weak refs: small projects)", None, []),
        ("Jepsen etcd 3.4.3", None, []),
        ("", None, []),
    ],
)
def test_a_number_has_a_repository_and_a_known_one_has_a_page(
    reference: str, said: str | None, urls: list[str] | int
) -> None:
    """What is not known stays as it was written."""
    assert spelled_out([reference]) == (reference if said is None else said)
    found = [part.url for part in parts(reference) if part.url]
    if isinstance(urls, int):
        assert len(found) == urls
    else:
        assert found == [url if ":" in url else MARTEN + url for url in urls]


def test_no_reference_of_the_catalogue_is_a_bare_number() -> None:
    """Every number follows a word."""
    for row in catalogue().values():
        assert not re.search(r"(?:^|[,;/(] ?)(?:PR)?#\d", spelled_out(row.references)), row.name


def test_the_page_links_the_reports_of_the_first_diagnosis() -> None:
    """They lead out of the page and load nothing."""
    page = page_of(result("x", blind()), diagnosis={0: [("check-then-append", 0.9, ())]})
    assert f'<a href="{MARTEN}1665" rel="noreferrer">marten#1665</a>' in page
    assert "; orchestrix." in page
