"""Reading event logs: what is there, in order; and nothing of what would do harm."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from archive.xes import Trace, XesError, read

LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="x"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <float key="statistics" value="1.5"><float key="inner" value="2"/></float>
  <trace>
    <string key="concept:name" value="案件 1"/>
    <event>
      <date key="time:timestamp" value="2006-01-11T15:49:42+01:00"/>
      <string key="concept:name" value="Queued &lt;A&amp;B&gt;"/>
      <list key="parts"><string key="part" value="A-4711/B"/><int key="n" value="3"/></list>
    </event>
    <event/>
  </trace>
  <trace><string key="concept:name" value="案件 2"/></trace>
</log>
"""
TRACES = [
    (
        (("concept:name", "案件 1"),),
        (
            (
                ("time:timestamp", "2006-01-11T15:49:42+01:00"),
                ("concept:name", "Queued <A&B>"),
                ("parts/part", "A-4711/B"),
                ("parts/n", "3"),
            ),
            (),
        ),
    ),
    ((("concept:name", "案件 2"),), ()),
]


def write(path: Path, text: str, *, zipped: bool = False) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


def said(traces: list[Trace]) -> list[object]:
    return [(t.attributes, t.events) for t in traces]


@pytest.mark.parametrize("zipped", [False, True])
def test_every_attribute_of_cases_and_events_is_given(tmp_path: Path, *, zipped: bool) -> None:
    """Attributes come in document order, nested ones with their path; the log's own stay out."""
    assert said(list(read(write(tmp_path / "log.xes", LOG, zipped=zipped)))) == TRACES


def test_cases_come_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    """A damaged tail does not cost the cases before it."""
    cut = LOG[: LOG.index("案件 2")] + "x" * 200_000
    traces = read(write(tmp_path / "log.xes", cut))
    assert said([next(traces)]) == TRACES[:1]
    with pytest.raises(XesError, match="line"):
        next(traces)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><log>&b;</log>',
        '<!DOCTYPE log SYSTEM "file:///etc/hostname"><log/>',
    ],
)
def test_a_document_type_is_refused(tmp_path: Path, text: str) -> None:
    """Entities that explode, or that reach for files, are not even declared."""
    with pytest.raises(XesError, match="document type"):
        list(read(write(tmp_path / "log.xes", text)))


def test_a_gzip_file_cut_off_is_named_as_such(tmp_path: Path) -> None:
    """Half a gzip file is an error of its own words, no trace."""
    whole = gzip.compress((LOG + " " * 100_000).encode())
    (tmp_path / "log.xes.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(XesError):
        list(read(tmp_path / "log.xes.gz"))
