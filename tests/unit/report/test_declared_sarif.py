"""The SARIF log of ``check``: in the structure that SARIF 2.1.0 requires, a result for each finding and none for the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from listenwatch import cli
from listenwatch.configs.checking import Checked, Kept
from listenwatch.configs.declared import Declared, Origin, Where
from listenwatch.report.declared_sarif import sarif_log

TEXT = {"type": "object", "required": ["text"], "additionalProperties": False, "properties": {"text": {"type": "string", "minLength": 1}}}


def exactly(**properties: Any) -> dict[str, Any]:
    """An object with these properties, those of a name that ends with _ may be absent, and no others."""
    required = [name for name in properties if not name.endswith("_")]
    return {"type": "object", "required": required, "additionalProperties": False,
            "properties": {name.removesuffix("_"): value for name, value in properties.items()}}  # fmt: skip


def several(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": True}


RULE = exactly(id={"type": "string"}, shortDescription=TEXT, fullDescription=TEXT, help=TEXT)  # 3.49
PLACE = exactly(  # 3.29
    artifactLocation=exactly(uri={"type": "string", "pattern": r"^(file:///)?([\w./~-]|%[0-9A-F]{2})+$"}),
    region_=exactly(startLine={"type": "integer", "minimum": 1}),
)
RESULT = exactly(  # 3.27
    ruleId={"type": "string"}, ruleIndex={"type": "integer", "minimum": 0}, level={"enum": ["error", "warning"]}, message=TEXT,
    locations={**several(exactly(physicalLocation=PLACE)), "minItems": 1},
)  # fmt: skip
DRIVER = exactly(name={"const": "listenwatch"}, version={"type": "string"}, rules=several(RULE))  # 3.19
RUN = exactly(tool=exactly(driver=DRIVER), results={"type": "array", "items": RESULT})  # 3.14
LOG: dict[str, Any] = {  # 3.13
    **exactly(version={"const": "2.1.0"}, runs=several(RUN), **{"$schema": {"type": "string", "pattern": "sarif-schema-2.1.0.json$"}}),
}
"""Of the specification (OASIS, SARIF 2.1.0 with errata 01) what the log uses; the numbers are of its sections."""


def results(log: Any) -> list[dict[str, Any]]:
    """Those of the one run, after a look at the whole log."""
    Draft202012Validator(LOG).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])  # 3.27.6
    findings: list[dict[str, Any]] = run["results"]
    return findings


def test_what_is_in_order_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b").mkdir()
    Path("a b/redis.conf").write_text("port 6379\nbind ::1\ntcp-backlog 2048\n")
    Path("haproxy.cfg").write_text("frontend a\n bind :80\n bind :81 backlog 5\n")
    line = ["check", "--sarif", "--somaxconn", "128", "./a b/redis.conf", "haproxy.cfg"]
    assert cli.main(line) == 0
    first, second = results(json.loads(capsys.readouterr().out))
    assert (first["ruleId"], first["level"], second["ruleId"], second["level"]) == ("clamped", "warning", "unknown", "warning")
    assert first["message"]["text"] == "redis on [::1]:6379 asks 2048, gets 128: as configured; clamped by net.core.somaxconn, 128"
    assert first["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a%20b/redis.conf"}, "region": {"startLine": 3}}}]
    assert cli.main([*line, "--fail-on", "clamped"]) == 5
    assert [each["level"] for each in results(json.loads(capsys.readouterr().out))] == ["error", "warning"]


def test_nothing_that_listens_is_a_log_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text("defaults\n maxconn 5\n")
    assert cli.main(["check", "--sarif", str(path)]) == 0
    assert results(json.loads(capsys.readouterr().out)) == []


def test_a_running_server_and_a_file_without_lines() -> None:
    where = Where("/etc/caf\udce9: \n/x.socket")
    absent = Checked(Declared("systemd", "tcp", "127.0.0.1:80", 80, 64, Origin.GIVEN, where), None, None, Kept.NOT_LISTENING)
    (result,) = results(sarif_log([absent], [absent]))
    assert (result["ruleId"], result["level"]) == ("not-listening", "error")
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "file:///etc/caf%E9%3A%20%0A/x.socket"}}}]


def test_servers_without_a_file_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--sarif", "--server", "nginx"]) == 2
    assert "--sarif names lines of files" in capsys.readouterr().err
