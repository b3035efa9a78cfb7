"""The containers in Kubernetes are those of docker-compose.yml: the same settings, limits and commands."""

from tests.kubernetes.rendered import (
    COMPOSE,
    OVERLAYS,
    SHARED,
    Manifest,
    containers,
    default_of,
    environment,
    in_each_overlay,
    pods,
)

# Secrets are mounted elsewhere, the metrics are asked for from another namespace, and nobody asks nginx.
DIFFERENT = {"JWT_KEYS_FILE": "/run/secrets/keys/keys.json", "METRICS_HOST": "0.0.0.0"}  # noqa: S104
DIFFERENT |= {"STATUS_HOST": "127.0.0.1"}
ADDED = {"NAMESPACE", "DOMAIN", "PGDATA"}  # what Docker's names and volumes do not need
DIRECT = {"auth-migrate", "books-migrate", "db-roles"}  # ask PostgreSQL itself, whatever is in between
ONLY_THERE = {"keys", "operator"}  # deploy/kubernetes/keys takes their place
TMP = "/tmp"  # noqa: S108 - the container's


def test_every_container_of_compose_is_in_an_overlay() -> None:
    expected = {name for name, each in COMPOSE.items() if "monitoring" not in each.get("profiles", [])}

    assert SHARED.union(*OVERLAYS.values()) == expected - ONLY_THERE


@in_each_overlay
def test_the_settings_are_the_same(overlay: str) -> None:
    found = {name: environment(overlay, each) for name, each in containers(overlay).items()}

    assert found.keys() == SHARED | OVERLAYS[overlay]
    for name, variables in found.items():
        own = {key: value for key, value in variables.items() if key not in ADDED}
        assert own == compose_settings(name, is_pooled=overlay == "replicas"), name


def compose_settings(name: str, *, is_pooled: bool) -> dict[str, str]:
    """Return the environment in Compose, with what is different here."""
    service = name.replace("follower", "books")
    host = {"DATABASE_HOST": f"{service}-pgbouncer"} if is_pooled and name not in DIRECT else {}
    environment = COMPOSE[name].get("environment", {})
    found = {key: default_of(value, host) for key, value in environment.items()}
    return found | {key: value for key, value in DIFFERENT.items() if key in found}


@in_each_overlay
def test_the_limits_are_the_same(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        service, resources = COMPOSE[name], pod["containers"][0]["resources"]
        quota, memory = default_of(service["cpu_quota"]), default_of(service["mem_limit"])

        assert int(resources["limits"]["cpu"]) * service["cpu_period"] == int(quota), name
        assert resources["limits"]["memory"] == f"{memory.upper()}i" == resources["requests"]["memory"], name
        assert f"{TMP}:size={memory_at(pod, TMP)}" == service["tmpfs"][0].split(",")[0], name
        if overlay == "replicas" and name not in DIRECT:
            assert resources["requests"]["cpu"] == resources["limits"]["cpu"], name


def test_the_database_has_as_much_shared_memory() -> None:
    assert memory_at(pods("single")["db"], "/dev/shm") == COMPOSE["db"]["shm_size"]  # noqa: S108


def memory_at(pod: Manifest, path: str) -> str:
    """Return how much the memory at a path of the container holds, as Compose writes it."""
    (name,) = [each["name"] for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == path]
    (volume,) = [each["emptyDir"] for each in pod["volumes"] if each["name"] == name]
    assert volume["medium"] == "Memory"
    size: str = volume["sizeLimit"]
    return size.lower().removesuffix("i")


@in_each_overlay
def test_the_images_commands_and_checks_are_the_same(overlay: str) -> None:
    for name, container in containers(overlay).items():
        service = COMPOSE[name]
        words = service.get("entrypoint", []) + service.get("command", [])

        assert container["image"] == default_of(service["image"]), name
        assert container.get("command", []) + container.get("args", []) == list(map(default_of, words)), name
        probe = container.get("readinessProbe") or container.get("livenessProbe") or {}
        if "exec" in probe:
            checks = list(map(default_of, service["healthcheck"]["test"]))
            assert ["CMD", *probe["exec"]["command"]] == checks, name


@in_each_overlay
def test_a_pod_may_take_as_long_to_stop_once_it_is_asked_no_more(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        if grace := COMPOSE[name].get("stop_grace_period"):
            hook = pod["containers"][0].get("lifecycle", {}).get("preStop")
            sleep = int(hook["exec"]["command"][1]) if hook else 0
            assert f"{pod['terminationGracePeriodSeconds'] - sleep}s" == grace, name
