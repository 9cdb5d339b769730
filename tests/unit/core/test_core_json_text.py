from __future__ import annotations

import os

import pytest

from alexnet_bench.core.json_text import encode_json

_BYTES = b"a\xff b"
_PATH = _BYTES.decode(errors="surrogateescape")


def test_what_is_utf8_stays() -> None:
    assert encode_json({"path": "été 模型", "n": (1, 2)}) == '{"path":"été 模型","n":[1,2]}'.encode()


def test_bytes_of_a_path_are_escaped_or_refused() -> None:
    assert encode_json({"path": [_PATH], "n": 1.5}) == rb'{"path":["a\\xff b"],"n":1.5}'
    with pytest.raises(UnicodeEncodeError) as caught:
        encode_json({"path": _PATH}, "surrogateescape")
    assert os.fsencode(caught.value.object) == _BYTES


def test_a_path_that_only_the_locale_cannot_read_is_utf8() -> None:
    text = "é".encode().decode("ascii", "surrogateescape")
    assert encode_json([text], "surrogateescape") == '["é"]'.encode()
