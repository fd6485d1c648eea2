"""``listenwatch check``: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from listenwatch import cli
from listenwatch.commands import check
from listenwatch.linux import netns
from listenwatch.sockets.servers import SERVERS
from tests.helpers.contract import fit

NGINX = "http {\n  server {\n    listen 80;\n    listen 127.0.0.1:81 backlog=64;\n    listen unix:/run/n.sock backlog=-1;\n  }\n}\n"
HAPROXY = "frontend a\n  bind :80\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("nginx.conf").write_text(NGINX)
    Path("haproxy.cfg").write_text(HAPROXY)
    return "nginx.conf"


def test_the_table(nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--kernel", "6.1", "--somaxconn", "128", nginx, "haproxy.cfg"]) == 0
    out, err = capsys.readouterr()
    assert (" ".join(out.split()), err) == (
        "nginx.conf SERVER LISTENS ON ASKS SOMAXCONN GETS WHY "
        "nginx 0.0.0.0:80 511 128 128 line 3: default of nginx; clamped by net.core.somaxconn, 128 "
        "nginx 127.0.0.1:81 64 128 64 line 4: as configured "
        "nginx /run/n.sock -1 128 128 line 5: as configured; clamped by net.core.somaxconn, 128 "
        "haproxy.cfg SERVER LISTENS ON ASKS SOMAXCONN GETS WHY "
        "HAProxy 0.0.0.0:80 - - - line 2: its backlog is not known: it depends on maxconn, which is not set", "",
    )  # fmt: skip
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        (["--fail-on", "clamped"], 5, ["nginx.conf:3", "nginx.conf:5"]),
        (["--fail-on", "unknown"], 5, ["haproxy.cfg:2"]),
        (["--fail-on", "clamped,unknown"], 5, ["nginx.conf:3", "nginx.conf:5", "haproxy.cfg:2"]),
        ([], 0, []),
    ],
)
def test_what_fails(options: list[str], status: int, named: list[str], nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--somaxconn", "128", *options, nginx, "haproxy.cfg"]) == status
    assert [":".join(line.split(":")[1:3]).strip() for line in capsys.readouterr().err.splitlines()] == named


def test_json_is_what_the_model_says(nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "--kernel", "6.1", "--somaxconn", "128", nginx]) == 0
    first, second, _ = fit(capsys.readouterr().out)
    assert (first["asked"], first["stored"], first["clamped"], first["origin"], first["line"]) == (511, 128, True, "default", 3)
    assert (second["asked"], second["stored"], second["capacity"], second["origin"]) == (64, 64, 65, "given")
    assert (first["release"], first["kept"], first["state"]) == ("6.1", None, None)
    assert cli.main(["predict", "--json", "--backlog", "511", "--somaxconn", "128", "--kernel", "6.1"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert {key: first[key] for key in ("stored", "capacity", "backlog_rule")} == {
        key: predicted[key] for key in ("stored", "capacity", "backlog_rule")
    }


def test_another_kernel_has_its_own_default(nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    for kernel, somaxconn in (("5.3", 128), ("5.4", 4096)):
        assert cli.main(["check", "--json", "--kernel", kernel, nginx]) == 0
        assert {line["somaxconn"] for line in fit(capsys.readouterr().out)} == {somaxconn}


def test_this_host_s_somaxconn(nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", nginx]) == 0
    assert {line["somaxconn"] for line in fit(capsys.readouterr().out)} == {netns.somaxconn()}


def test_a_container_starts_with_the_kernel_s_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: nginx}, b: {image: nginx, network_mode: host}, c: {image: nginx, sysctls: [net.core.somaxconn=5]}}")
    assert cli.main(["check", "--json", "--kernel", "5.3", "--somaxconn", "300", str(path)]) == 0
    lines = fit(capsys.readouterr().out)
    assert [(line["somaxconn"], line["stored"]) for line in lines] == [(128, 128), (300, 300), (5, 5)]
    assert "a namespace does not inherit it" in lines[0]["reason"]


def test_annotations(nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--github", "--fail-on", "clamped", "--somaxconn", "128", nginx, "haproxy.cfg"]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("::")[1] for line in lines] == [
        "error file=nginx.conf,line=3,title=listen() backlog", "notice file=nginx.conf,line=4,title=listen() backlog",
        "error file=nginx.conf,line=5,title=listen() backlog", "warning file=haproxy.cfg,line=2,title=listen() backlog",
    ]  # fmt: skip
    assert lines[0].endswith("::nginx on 0.0.0.0:80 asks 511, gets 128: default of nginx; clamped by net.core.somaxconn, 128")


def test_every_known_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "--server", "all", "--kernel", "6.1"]) == 0
    lines = fit(capsys.readouterr().out)
    assert {line["server"]: line["asked"] for line in lines} == {server.name: server.default for server in SERVERS}


def test_a_configuration_without_a_listener(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nginx.conf").write_text("events {}\n")
    assert cli.main(["check", str(tmp_path / "nginx.conf")]) == 0
    assert capsys.readouterr() == ("", "listenwatch: nothing in it listens\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to check: give a FILE, or --server NAME"),
        (["--server", "ngnix"], "no server 'ngnix' is known: did you mean 'nginx'?"),
        (["--server", "nginx", "--pid", "1"], "--pid compares with a server that runs here"),
        (["--pid", "999999999", "nginx.conf"], "there is no process 999999999"),
        (["/no/where/nginx.conf"], "cannot read /no/where/nginx.conf: No such file or directory"),
        (["--kernel", "x", "nginx.conf"], "no kernel 'x'"),
    ],
)
def test_what_cannot_be_checked(arguments: list[str], message: str, nginx: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert nginx and cli.main(["check", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--fail-on", "stale", "x"], ["--somaxconn", "-1", "x"], ["--as", "apache", "x"]])
def test_options_that_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", *arguments])
    assert end.value.code == 2


def test_the_status_of_a_difference_is_its_own() -> None:
    assert (check.DIFFERS, check.FAILED) == (1, 5)
