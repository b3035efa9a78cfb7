"""The network policies let each pod ask what it needs, and nobody else."""

from collections.abc import Iterator

import pytest

from tests.kubernetes.rendered import Manifest, named

Way = tuple[str, str, int | str]  # who asks, who is asked, and on which port

DNS = "kube-system k8s-app=kube-dns", "169.254.20.10/32"  # of the cluster, and of a node
OUTSIDE = {*DNS, "monitoring", "outside"}
OF_BOTH = {
    *(("outside", "nginx", port) for port in (5000, 5001, 5002)),
    ("nginx", "auth", 5001),
    ("nginx", "books", 5002),
    ("follower", "auth", 5001),
    ("monitoring", "auth", 9101),
    ("monitoring", "books", 9102),
    ("monitoring", "follower", 9103),
}
TO_DATABASE = {
    "single": {
        (name, "db", 5432)
        for name in ("auth", "auth-migrate", "books", "books-migrate", "db-roles", "follower")
    },
    "replicas": {
        ("auth", "auth-pgbouncer", 5432),
        ("books", "books-pgbouncer", 5432),
        ("follower", "books-pgbouncer", 5432),
        *(
            (name, "outside", 5432)
            for name in ("auth-migrate", "auth-pgbouncer", "books-migrate", "books-pgbouncer")
        ),
    },
}


@pytest.mark.parametrize("overlay", TO_DATABASE)
def test_each_pod_reaches_what_it_has_to_and_nothing_else(overlay: str) -> None:
    inwards = set(ways(overlay, "ingress", "from"))
    outwards = {(who, whom, port) for whom, who, port in ways(overlay, "egress", "to")}
    across = {way for way in inwards | outwards if OUTSIDE & {*way}}
    names = {(app, whom, port) for app in labels(overlay) for whom in DNS for port in (53, "53/UDP")}

    assert inwards & outwards | across == OF_BOTH | TO_DATABASE[overlay] | names


def test_what_is_not_allowed_is_denied() -> None:
    assert named("single", "NetworkPolicy")["default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def ways(overlay: str, direction: str, peers: str) -> Iterator[Way]:
    """Yield from the policies of one direction: the peer, the pod that a policy is about, and the port."""
    apps = labels(overlay)
    for policy in named(overlay, "NetworkPolicy").values():
        for rule in policy["spec"].get(direction, []):
            for peer in rule.get(peers, [{"ipBlock": {"cidr": "0.0.0.0/0"}}]):
                for app in select(policy["spec"]["podSelector"], apps):
                    for name in meant_by(peer, apps):
                        for port in rule["ports"]:
                            udp = port.get("protocol") == "UDP"
                            yield name, app, f"{port['port']}/UDP" if udp else port["port"]


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
    kinds = [named(overlay, kind).values() for kind in ("Deployment", "StatefulSet", "Job")]
    return [each["spec"]["template"]["metadata"]["labels"]["app"] for kind in kinds for each in kind]
