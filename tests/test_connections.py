"""Connections as people write them into the environment."""

from __future__ import annotations

import pytest

from petitions.connections import Connection, parse

SAME = Connection("c", "http", host="host", port=8443, login="1001", password="12345", schema="https", extra={"n": "5"})


@pytest.mark.parametrize(
    "text",
    [
        '{"conn_type": "http", "host": "host", "port": 8443, "login": "1001", "password": "12345", "schema": "https", "extra": {"n": "5"}}',
        # numbers in place of texts and a text in place of a number; extra as text, as Airflow's own export has it
        ' {"conn_type":"http","host":"host","port":"8443","login":1001,"password":12345,"schema":"https","extra":"{\\"n\\":\\"5\\"}"}',
        "http://1001:12345@host:8443/https?n=5",
        "http://1001:12345@host:8443/https?__extra__=%7B%22n%22%3A%20%225%22%7D",
    ],
)
def test_both_forms_say_the_same(text: str) -> None:
    assert parse("c", text) == SAME


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("geheim", "expected JSON or a URI such as"),
        ('{"password": "geheim", }', "broken JSON at character"),
        ('{"password": "geheim", "port": "abc"}', "port: expected a number from 1 to 65535"),
        ('{"password": "geheim", "port": 99999}', "port: expected a number from 1 to 65535"),
        ('{"password": "geheim", "extra": "broken"}', "c extra: expected JSON"),
        ('{"password": "geheim", "extra": ["path"]}', "c extra: expected an object in JSON"),
        ("http://u:geheim@host:abc", "port: expected a number from 1 to 65535"),
        ("http://u:geheim@host?__extra__=broken", "c __extra__: expected JSON"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_quoted(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"^connection c") as refused:
        parse("c", text)
    assert told in str(refused.value)
    assert "geheim" not in str(refused.value)
