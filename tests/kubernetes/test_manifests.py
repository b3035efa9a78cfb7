"""The manifests are valid, complete, and let a pod do, and ask, next to nothing."""

import json
import re
import shutil
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from tests.kubernetes.rendered import (
    OVERLAYS,
    Manifest,
    containers,
    in_each_overlay,
    kustomize,
    named,
    pods,
    render,
    templates,
)
from tests.pair import SERVICES
from tests.programs import ROOT

VERSIONS = ("1.25", "1.37")  # the oldest with all that is used, and the newest that is known
SECRETS = {"keys", "auth-password", "books-password", "postgres-password"}
OPTIONAL = {"tls", "nginx-own"}  # a certificate, and whom nginx believes
DOCUMENT = (ROOT / "docs/kubernetes.md").read_text()
EXAMPLES = re.findall("^```yaml\n(.*?)^```$", DOCUMENT, re.M | re.S)

DNS = "kube-system k8s-app=kube-dns", "169.254.20.10/32"  # of the cluster, and of a node
OUTSIDE = {*DNS, "monitoring", "outside"}
# Who asks whom, on which port.
OF_BOTH = "outside>nginx:5000 outside>nginx:5001 outside>nginx:5002 nginx>auth:5001 nginx>books:5002 "
OF_BOTH += "follower>auth:5001 monitoring>auth:9101 monitoring>books:9102 monitoring>follower:9103 "
TO_DATABASE = {
    "single": "auth>db:5432 auth-migrate>db:5432 books>db:5432 books-migrate>db:5432 db-roles>db:5432 "
    "follower>db:5432",
    "replicas": "auth>auth-pgbouncer:5432 books>books-pgbouncer:5432 follower>books-pgbouncer:5432 "
    "auth-migrate>outside:5432 auth-pgbouncer>outside:5432 "
    "books-migrate>outside:5432 books-pgbouncer>outside:5432",
}


def test_every_object_is_what_kubernetes_knows() -> None:
    objects = {json.dumps(each): each for overlay in OVERLAYS for each in render(overlay)}
    for manifest in objects.values():
        for version in VERSIONS:
            validate(manifest, version, strict=True)
        assert manifest["metadata"].get("namespace", "bookstore") == "bookstore"


@in_each_overlay
def test_a_pod_can_do_no_more_than_it_has_to(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        security = pod["securityContext"]

        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name  # AUTH_PORT is a setting, not a Service
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
    for name, container in containers(overlay).items():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


@in_each_overlay
def test_no_secret_is_in_the_repository_and_each_is_made_in_the_docs(overlay: str) -> None:
    maps = {each["metadata"]["name"] for each in named(overlay, "ConfigMap").values()}
    found = {name: is_optional for pod in pods(overlay).values() for name, is_optional in references(pod)}

    assert named(overlay, "Secret") == {}
    assert found.keys() - maps <= SECRETS | OPTIONAL
    assert {name for name, is_optional in found.items() if is_optional} == OPTIONAL
    assert [name for name in SECRETS if f"kubectl create secret generic {name} " not in DOCUMENT] == []


def references(part: Any) -> list[tuple[str, bool]]:
    """Return the names of the ConfigMaps and Secrets that a pod mounts or has its variables from."""
    if isinstance(part, list):
        return [each for item in part for each in references(item)]
    if not isinstance(part, dict):
        return []
    found = [each for item in part.values() for each in references(item)]
    sources = [part[key] for key in ("configMap", "secret", "configMapRef") if key in part]
    return found + [(each.get("secretName") or each["name"], each.get("optional", False)) for each in sources]


@pytest.mark.parametrize(("name", "folder"), [("nginx", "deploy/nginx"), ("page", "client/web")])
def test_nginx_and_the_page_are_those_of_compose(name: str, folder: str) -> None:
    files = [path for path in (ROOT / folder).iterdir() if path.is_file() and path.suffix != ".yaml"]

    assert named("single", "ConfigMap")[name]["data"] == {path.name: path.read_text() for path in files}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_asked_for_when_it_is_ready_and_restarted_when_it_hangs(service: str) -> None:
    probes = [containers("single")[service][f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")]

    assert probes == [{"path": path, "port": "http"} for path in ("/readyz", "/healthz")]


def test_several_replicas_are_spread_scaled_and_drained_one_by_one() -> None:
    deployments = named("replicas", "Deployment")
    scaled = named("replicas", "HorizontalPodAutoscaler")

    assert named("replicas", "PodDisruptionBudget").keys() == deployments.keys()
    for name, deployment in deployments.items():
        (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"] == deployment["spec"]["selector"], name
        assert replicas(deployment, scaled.get(name)) >= 2, name
    for name, scaler in scaled.items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        assert "replicas" not in deployments[name]["spec"]  # or each apply would undo the autoscaler's work
    assert {replicas(deployments[name], scaled.get(name)) for name in ("auth", "books", "nginx")} == {3}


def replicas(deployment: Manifest, scaler: Manifest | None) -> int:
    number: int = scaler["spec"]["minReplicas"] if scaler else deployment["spec"]["replicas"]
    return number


@in_each_overlay
def test_the_examples_in_the_docs_are_valid_and_applied_everywhere(tmp_path: Path, overlay: str) -> None:
    own, ingress = EXAMPLES
    for name in ("deploy", "client"):
        shutil.copytree(ROOT / name, tmp_path / name)
    folder = tmp_path / "deploy/kubernetes/own"
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(own.replace("../single", f"../{overlay}"))

    text = kustomize(folder)

    assert "image: registry.example.com/bookstore-auth:1.0.0" in text
    assert "image: bookstore-" not in text
    assert "REGISTRATION: closed" in text
    assert set(re.findall(r"--kustomize=(\S+)", DOCUMENT)) == {"deploy/kubernetes/own"}
    validate(yaml.safe_load(ingress), VERSIONS[0], strict=True)


@in_each_overlay
def test_each_pod_reaches_what_it_has_to_and_nothing_else(overlay: str) -> None:
    inwards = set(ways(overlay, "ingress", "from"))
    outwards = {(who, whom, port) for whom, who, port in ways(overlay, "egress", "to")}
    across = {way for way in inwards | outwards if OUTSIDE & {*way}}
    names = {f"{app}>{whom}:{port}" for app in labels(overlay) for whom in DNS for port in ("53", "53/UDP")}

    found = {f"{who}>{whom}:{port}" for who, whom, port in inwards & outwards | across}
    assert found == {*(OF_BOTH + TO_DATABASE[overlay]).split()} | names
    assert named(overlay, "NetworkPolicy")["default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def ways(overlay: str, direction: str, peers: str) -> Iterator[tuple[str, str, str]]:
    """Yield from the policies of one direction: the peer, the pod that a policy is about, and the port."""
    apps = labels(overlay)
    for policy in named(overlay, "NetworkPolicy").values():
        about = select(policy["spec"]["podSelector"], apps)
        for rule in policy["spec"].get(direction, []):
            meant = [meant_by(peer, apps) for peer in rule.get(peers, [{"ipBlock": {"cidr": "0.0.0.0/0"}}])]
            for name, app, port in product(chain(*meant), about, rule["ports"]):
                yield name, app, f"{port['port']}/{port.get('protocol', 'TCP')}".removesuffix("/TCP")


def meant_by(peer: Manifest, apps: list[str]) -> list[str]:
    if "ipBlock" in peer:
        cidr = peer["ipBlock"]["cidr"]
        return [cidr if cidr in DNS else "outside"]
    if "namespaceSelector" in peer:
        namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        pods = peer.get("podSelector", {}).get("matchLabels", {})
        return [" ".join([namespace, *(f"{name}={value}" for name, value in pods.items())])]
    return select(peer["podSelector"], apps)


def select(selector: Manifest, apps: list[str]) -> list[str]:
    """Return the pods that a selector by the label `app` chooses."""
    if not selector:
        return apps
    if "matchLabels" in selector:
        return [selector["matchLabels"]["app"]]
    (expression,) = selector["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("app", "In")
    return list(expression["values"])


def labels(overlay: str) -> list[str]:
    """Return the label of the pods of each workload."""
    return [each["metadata"]["labels"]["app"] for each in templates(overlay).values()]
