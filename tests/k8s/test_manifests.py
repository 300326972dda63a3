"""The manifests as Kubernetes and the services would read them."""

import importlib
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from services import settings
from services.providers import sandbox
from services.tls import TlsSettings

K8S = Path(__file__).parents[2] / "k8s"
KUBERNETES = "1.36"
SERVICES = ("edge", "router", "providers", "health")
LABELS = {
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "part-of", "managed-by")
}

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl for kustomize")


@pytest.fixture(scope="module", params=["local", "production"])
def objects(request):
    command = ["kubectl", "kustomize", str(K8S / "overlays" / request.param)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(rendered))


def of_kind(objects, kind):
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def workloads(objects):
    return of_kind(objects, "Deployment") | of_kind(objects, "StatefulSet")


def container(workload):
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return only


def environment(workload):
    return {entry["name"]: entry.get("value") for entry in container(workload).get("env", [])}


def settings_of(service):
    module = importlib.import_module(f"services.{service}.settings")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and hasattr(value, "PREFIX")
    )


def test_every_object_passes_the_strict_schema(objects):
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_every_object_carries_the_recommended_labels(objects):
    for each in objects:
        missing = LABELS - each["metadata"].get("labels", {}).keys()
        assert not missing, (each["kind"], each["metadata"]["name"], missing)


def test_selectors_find_their_pods(objects):
    pods = {
        name: workload["spec"]["template"]["metadata"]["labels"]
        for name, workload in workloads(objects).items()
    }
    for kind, path in (("Service", "selector"), ("PodDisruptionBudget", "selector.matchLabels")):
        for name, each in of_kind(objects, kind).items():
            wanted = each["spec"]
            for step in path.split("."):
                wanted = wanted[step]
            assert wanted.items() <= pods[name].items()
    for name, workload in workloads(objects).items():
        assert workload["spec"]["selector"]["matchLabels"].items() <= pods[name].items()
    for policy in of_kind(objects, "NetworkPolicy").values():
        wanted = policy["spec"]["podSelector"]["matchLabels"]
        assert any(wanted.items() <= labels.items() for labels in pods.values())


def test_services_and_probes_use_ports_that_exist(objects):
    for name, service in of_kind(objects, "Service").items():
        named = {port["name"] for port in container(workloads(objects)[name])["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named
    for workload in workloads(objects).values():
        one = container(workload)
        ports = {port["name"] for port in one["ports"]} | {
            port["containerPort"] for port in one["ports"]
        }
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            check = one[probe].get("grpc") or one[probe].get("httpGet")
            assert "exec" in one[probe] or check["port"] in ports


def test_services_listen_where_the_ports_say(objects):
    for service in SERVICES:
        workload = workloads(objects)[f"routor-{service}"]
        listens = {
            int(text.rpartition(":")[2])
            for name, text in environment(workload).items()
            if name.endswith("_LISTEN")
        }
        assert listens == {port["containerPort"] for port in container(workload)["ports"]}


def test_environment_names_are_settings(objects):
    for service in SERVICES:
        known = {
            *settings.names(settings_of(service)).values(),
            *settings.names(TlsSettings).values(),
        }
        given = environment(workloads(objects)[f"routor-{service}"])
        assert given.keys() <= known, service


def test_addresses_name_headless_services_and_their_ports(objects):
    services = of_kind(objects, "Service")
    for service in SERVICES:
        for name, text in environment(workloads(objects)[f"routor-{service}"]).items():
            if name.endswith("_ADDRESS"):
                host, _, port = text.removeprefix("dns:///").partition(":")
                assert services[host]["spec"]["clusterIP"] == "None"
                pod_ports = {
                    each["containerPort"] for each in container(workloads(objects)[host])["ports"]
                }
                assert int(port) in pod_ports


def test_policies_let_services_through_to_the_addresses_they_are_given(objects):
    policies = of_kind(objects, "NetworkPolicy")
    for service in SERVICES:
        for name, text in environment(workloads(objects)[f"routor-{service}"]).items():
            if name.endswith("_ADDRESS"):
                host, _, port = text.removeprefix("dns:///").partition(":")
                sides = (
                    ("routor-" + service, "egress", "to", host),
                    (host, "ingress", "from", "routor-" + service),
                )
                for owner, direction, word, other in sides:
                    assert any(
                        {"port": int(port)} in rule["ports"]
                        and _component(other) in map(_chosen, rule.get(word, []))
                        for rule in policies[owner]["spec"][direction]
                    ), (owner, direction, other, port)


def _component(name):
    return name.removeprefix("routor-")


def _chosen(peer):
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    return labels.get("app.kubernetes.io/component")


def test_pods_are_restricted(objects):
    for workload in workloads(objects).values():
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["serviceAccountName"] == workload["metadata"]["name"]
        security = container(workload)["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container(workload)["resources"]["requests"].keys() == {"cpu", "memory"}


def test_secrets_stand_in_no_workload(objects):
    for workload in workloads(objects).values():
        for entry in container(workload).get("env", []):
            if entry["name"].endswith(("_KEY", "_TOKEN", "REDIS_URL")):
                assert "secretKeyRef" in entry["valueFrom"]


def test_disruption_budgets_have_one_bound(objects):
    for budget in of_kind(objects, "PodDisruptionBudget").values():
        assert len({"minAvailable", "maxUnavailable"} & budget["spec"].keys()) == 1


def test_autoscalers_scale_what_exists(objects):
    for scaler in of_kind(objects, "HorizontalPodAutoscaler").values():
        target = workloads(objects)[scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]
        assert container(target)["resources"]["requests"]["cpu"]


def test_the_sandbox_component_connects_every_vendor():
    lines = (K8S / "components" / "sandbox" / "vendors.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines)
    assert given == sandbox.environment("http://routor-sandbox:9100")


def test_the_tls_component_names_its_files_and_leaves_no_grpc_probe(tmp_path):
    shutil.copytree(K8S, tmp_path / "k8s")
    overlay = tmp_path / "k8s" / "overlays" / "production"
    chosen = overlay / "kustomization.yaml"
    chosen.write_text(chosen.read_text().replace("# components:", "components:"))
    command = ["kubectl", "kustomize", str(overlay)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = of_kind(list(yaml.safe_load_all(rendered)), "Deployment")
    for service in SERVICES:
        workload = found[f"routor-{service}"]
        kubernetes_validate.validate(workload, KUBERNETES, strict=True)
        (mount,) = container(workload)["volumeMounts"]
        given = environment(workload)
        for name in settings.names(TlsSettings).values():
            assert given[name].startswith(f"{mount['mountPath']}/")
        assert "grpc" not in container(workload)["readinessProbe"]
