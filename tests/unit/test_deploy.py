"""What deploy/ ships: the rules by Prometheus' own tools, the manifests by Kubernetes' schemas, the unit by systemd's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import trustme
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from listenwatch import cli
from listenwatch.exporter.labels import Labels
from listenwatch.exporter.metrics import METRICS
from listenwatch.linux.privileges import COMMANDS
from tests import ROOT
from tests.helpers.dashboard import dashboard, panels, queries
from tests.helpers.watching import needs

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/listenwatch.rules.yml"
UNIT = DEPLOY / "systemd/listenwatch-exporter.service"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
WRITTEN = {metric.written: set(metric.labels) for metric in METRICS}
NEEDED = {*COMMANDS["exporter"].needed, *COMMANDS["exporter"].more}


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifest(name: str) -> Any:
    return yaml.safe_load((DEPLOY / "kubernetes" / name).read_text())


# -- Prometheus


def test_the_rules_are_rules() -> None:
    assert "SUCCESS" in run(needs("promtool"), "check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_when_it_should_not() -> None:
    assert "SUCCESS" in run(needs("promtool"), "test", "rules", RULES.with_name("listenwatch.test.yml"))
    tested = RULES.with_name("listenwatch.test.yml").read_text()
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule.get("alert", "queue_fullness") in tested or "record" in rule, rule


def expressions() -> list[tuple[str, str]]:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return [*((rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules), *queries()]


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_what_is_asked_for_is_served(name: str, expression: str) -> None:
    """Every metric that a rule or a panel names there is, with every label it asks for."""
    metrics = set(re.findall(r"\blistenwatch_\w+", expression))
    assert metrics <= WRITTEN.keys(), name
    labels = {label for metric in metrics for label in WRITTEN[metric]} | {"instance", "job"}
    asked = set(re.findall(r"(\w+)=~?\"", expression)) | set(re.findall(r"(\w+)!~?\"", expression))
    for by in re.findall(r"(?:by|on|without) \(([^)]*)\)", expression):
        asked |= {label.strip() for label in by.split(",")}
    assert not metrics or asked <= labels, name


# -- Grafana


def test_the_dashboards_panels_answer_in_order_and_none_lies_on_another() -> None:
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert rows[:5] == ["Is anybody refusing connections?", "Who?", "Since when?", "Why?", "What to change?"]
    every = dashboard()["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    for one_panel, other in combinations([panel["gridPos"] for panel in every], 2):
        assert not overlap(one_panel, other), (one_panel, other)
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


NOT_TYPED = {"definition", "titleFormat", "textFormat"}
"""Of variables and annotations: Grafana reads them, the types that it publishes lack them."""


def test_grafanas_own_types_know_every_key_of_the_dashboard() -> None:
    """Read into them and written again nothing is missing: no option is misspelled, or one of another kind of panel."""
    register_default_plugins()
    written = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard())))
    assert {path for path in lost(dashboard(), written) if path.rpartition("/")[2] not in NOT_TYPED} == set()
    misspelled = dashboard()
    misspelled["panels"][1]["options"]["reduceOption"] = {}
    assert "/panels/1/options/reduceOption" in lost(misspelled, written)


def lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where ``after`` lacks something of ``before``, or has something else there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after[key], f"{path}/{key}") if key in after else [f"{path}/{key}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from lost(old, new, f"{path}/{number}")
    elif before != after:
        yield path


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


# -- Kubernetes


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_fits_kubernetes_schema(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    if document["apiVersion"].startswith("monitoring.coreos.com/"):  # the operator's own kind, which no release has
        assert document["kind"] == "PodMonitor" and set(document["spec"]) == {"selector", "podMetricsEndpoints"}
        return
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_manifest_that_is_wrong_does_not_fit() -> None:
    wrong = manifest("daemonset.yaml")
    wrong["spec"]["template"]["spec"]["hostPids"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_what_belongs_together_does() -> None:
    kustomization, pods = manifest("kustomization.yaml"), manifest("daemonset.yaml")["spec"]["template"]
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]
    (container,) = pods["spec"]["containers"]
    selectors = [manifest("daemonset.yaml")["spec"]["selector"], manifest("podmonitor.yaml")["spec"]["selector"]]
    selectors.append(manifest("networkpolicy.yaml")["spec"]["podSelector"])
    for selector in selectors:
        assert selector["matchLabels"] == pods["metadata"]["labels"]
    assert pods["spec"]["serviceAccountName"] == manifest("serviceaccount.yaml")["metadata"]["name"]
    assert container["image"] == kustomization["images"][0]["name"]
    (endpoint,) = manifest("podmonitor.yaml")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == container["ports"][0]["name"] and endpoint["honorLabels"]
    assert {"pod", "container", "namespace"} <= set(Labels._fields)  # why it has to honor them


def test_the_kubelet_is_asked_where_that_is_wanted() -> None:
    """What kustomize makes of the component: its patches applied, each of a place that is there."""
    component = manifest("kubelet/kustomization.yaml")
    patched = {"DaemonSet": manifest("daemonset.yaml"), "NetworkPolicy": manifest("networkpolicy.yaml")}
    for patch in component["patches"]:
        document = patched[patch["target"]["kind"]]
        assert document["metadata"]["name"] == patch["target"]["name"]
        for operation in yaml.safe_load(patch["patch"]):
            apply(document, **operation)
    role, binding = documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/kubelet/rbac.yaml").read_text()))
    for document in (*patched.values(), *documents):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}]
    assert binding["subjects"][0]["name"] == manifest("serviceaccount.yaml")["metadata"]["name"]
    (container,) = patched["DaemonSet"]["spec"]["template"]["spec"]["containers"]
    name, *arguments = [argument.replace("$(NODE_IP)", "10.0.0.7") for argument in container["args"]]
    assert cli.parser_of(name).parse_args(arguments).kubelet == "https://10.0.0.7:10250/pods"


def apply(document: Any, *, op: str, path: str, value: Any) -> None:
    """An operation of a JSON patch (RFC 6902), of those that are used here."""
    *parents, last = path.removeprefix("/").split("/")
    for key in parents:
        document = document[int(key) if isinstance(document, list) else key]
    if last == "-":
        document.append(value)
    else:
        assert (last in document) == (op == "replace")
        document[last] = value


# -- privileges, and the command line


def test_both_give_the_privileges_it_needs_and_no_others() -> None:
    (container,) = manifest("daemonset.yaml")["spec"]["template"]["spec"]["containers"]
    capabilities = container["securityContext"]["capabilities"]
    assert {f"CAP_{name}" for name in capabilities["add"]} == NEEDED and capabilities["drop"] == ["ALL"]
    for setting in ("AmbientCapabilities", "CapabilityBoundingSet"):
        (line,) = re.findall(rf"^{setting}=(.*)$", UNIT.read_text(), re.MULTILINE)
        assert set(line.split()) == NEEDED


def test_their_command_lines_parse() -> None:
    (container,) = manifest("daemonset.yaml")["spec"]["template"]["spec"]["containers"]
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    for name, *arguments in (container["args"], shlex.split(line)[1:]):
        options = cli.parser_of(name).parse_args(arguments)
        assert options.listen[1] == container["ports"][0]["containerPort"] == 10511


def test_systemd_finds_little_to_object_to() -> None:
    """Exposure is 0 to 10; "OK" is below 5. The documentation says 2.9."""
    analyze = needs("systemd-analyze")
    text = run(analyze, "security", "--offline=true", "--threshold=30", UNIT)
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", text)
    assert float(exposure) <= 3.0


# -- what the how-to page has an administrator write


PAGE = (ROOT / "docs/pages/how-to/prometheus.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("configuration", blocks("yaml"))
def test_the_pages_configuration_of_prometheus_is_one(configuration: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "listenwatch-ca.pem")
    (tmp_path / "listenwatch-password").write_text("secret")
    (tmp_path / RULES.name).write_text(RULES.read_text())
    (tmp_path / "prometheus.yml").write_text(configuration)
    assert "SUCCESS" in run(needs("promtool"), "check", "config", tmp_path / "prometheus.yml")


def test_the_pages_drop_in_fits_the_unit(tmp_path: Path) -> None:
    """systemd merges them; without complaints but for the program, which is not installed here."""
    (drop_in,) = blocks("ini")
    unit, folder = tmp_path / UNIT.name, tmp_path / f"{UNIT.name}.d"
    folder.mkdir()
    (folder / "override.conf").write_text(drop_in)
    unit.write_text(UNIT.read_text())
    done = subprocess.run([needs("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False, timeout=120)
    assert {line for line in done.stderr.splitlines() if "is not executable" not in line} == set()
    *_, line = re.findall(r"^ExecStart=(.+)$", drop_in.replace("\\\n", " "), re.MULTILINE)
    options = cli.parser_of("exporter").parse_args(shlex.split(line)[2:])
    assert options.listen[1] == 10511 and options.tls_cert and options.tls_key and options.basic_auth
