"""Files of probes: what they may hold, and one line about what they may not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cmr_clip.data.probes import Probe, probe_truth, read_probes
from cmr_clip.errors import CmrClipError

GOOD = "a: {prompts: [x], against: [y]}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: {prompts: [Müller], against: [y]}".encode("latin-1"), "not UTF-8"),
        (b"a: {prompts: [x\n", "not YAML"),
        (b"a: 2026-13-45\n", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"- a\n", "no fields"),
        (b"", "empty"),
        (None, "no file"),
    ],
)
def test_what_is_no_file_of_probes_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "probes.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CmrClipError, match=words) as raised:
        read_probes(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_word_cannot_equal_a_number() -> None:
    labels = pd.DataFrame({"code": [1.0, 2.0], "kind": ["DCM", "1"]}, index=["a", "b"])
    assert probe_truth(labels, [Probe("f", ["x"], ["y"], "code", "2")])["f"].tolist() == [0.0, 1.0]
    assert probe_truth(labels, [Probe("f", ["x"], ["y"], "kind", "DCM")])["f"].tolist() == [1.0, 0.0]
    with pytest.raises(CmrClipError, match="'code' equals 'DCM'"):
        probe_truth(labels, [Probe("f", ["x"], ["y"], "code", "DCM")])
