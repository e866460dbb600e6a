"""What the API refuses, word for word."""

import copy
from typing import Any

import pytest

from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.validation import (
    NOT_EMULATED,
    check_structure,
    validate_create,
    validate_structure,
    validate_update,
    warnings_for,
)
from tests.protocols.kubernetes.objects import defaulted, deployment, pod, service

Object = dict[str, Any]
NOT_NEGATIVE = "must be greater than or equal to 0"


def problems(value: Object) -> list[str]:
    """What is told of a new object, field by field."""
    try:
        validate_create(value["kind"], defaulted(value))
    except ApiError as error:
        assert (error.code, error.reason) == (422, "Invalid")
        assert error.details is not None
        return [f"{each['field']}: {each['message']}" for each in error.details["causes"]]
    return []


def container(**more: Any) -> Object:
    return pod(containers=[{"name": "c", "image": "i", **more}])


def test_good_objects() -> None:
    for value in (pod(), deployment(), service()):
        assert problems(value) == []
        validate_update(value["kind"], value, copy.deepcopy(value))


def test_the_status_of_one_mistake() -> None:
    value = deployment()
    value["spec"]["template"]["metadata"]["labels"] = {"app": "other", "a": "b"}
    with pytest.raises(ApiError) as caught:
        validate_create("Deployment", defaulted(value))
    message = 'Invalid value: map[string]string{"a":"b", "app":"other"}: `selector` does not match template `labels`'
    assert caught.value.message == (
        f'Deployment.apps "nginx" is invalid: spec.template.metadata.labels: {message}'
    )
    assert caught.value.details == {
        "name": "nginx",
        "group": "apps",
        "kind": "Deployment",
        "causes": [
            {"reason": "FieldValueInvalid", "message": message, "field": "spec.template.metadata.labels"}
        ],
    }


def test_the_message_of_several_mistakes() -> None:
    value = deployment(replicas=-1)
    del value["spec"]["selector"]
    with pytest.raises(ApiError) as caught:
        validate_create("Deployment", defaulted(value))
    assert caught.value.message == (
        'Deployment.apps "nginx" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0,'
        " spec.selector: Required value, spec.template.metadata.labels: Invalid value:"
        ' map[string]string{"app":"nginx"}: `selector` does not match template `labels`]'
    )


def test_core_kinds_have_no_group() -> None:
    with pytest.raises(ApiError) as caught:
        validate_create("Pod", defaulted(pod(containers=[])))
    assert caught.value.message == 'Pod "p" is invalid: spec.containers: Required value'
    assert caught.value.details is not None
    assert "group" not in caught.value.details


PROBE = {"httpGet": {"port": 80}}
CONTAINERS = [
    ({"image": ""}, ["spec.containers[0].image: Required value"]),
    (
        {"image": " i"},
        ['spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace'],
    ),
    (
        {"imagePullPolicy": "Never!"},
        [
            'spec.containers[0].imagePullPolicy: Unsupported value: "Never!": supported values: "Always",'
            ' "IfNotPresent", "Never"'
        ],
    ),
    (
        {"ports": [{"containerPort": 70000}, {}]},
        [
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "spec.containers[0].ports[1].containerPort: Required value",
        ],
    ),
    (
        {"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]},
        ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
    ),
    (
        {"ports": [{"containerPort": 1, "protocol": "X"}]},
        [
            'spec.containers[0].ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"'
        ],
    ),
    (
        {"readinessProbe": {}},
        ["spec.containers[0].readinessProbe: Required value: must specify a handler type"],
    ),
    (
        {"readinessProbe": {**PROBE, "tcpSocket": {"port": 1}}},
        ["spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
    ),
    (
        {"livenessProbe": {**PROBE, "successThreshold": 2}},
        ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ),
    (
        {"readinessProbe": {**PROBE, "periodSeconds": -1}},
        [f"spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: {NOT_NEGATIVE}"],
    ),
    (
        {"readinessProbe": {"httpGet": {"port": 0}}},
        [
            "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535,"
            " inclusive"
        ],
    ),
    (
        {"readinessProbe": {"exec": {}}},
        ["spec.containers[0].readinessProbe.exec.command: Required value"],
    ),
    (
        {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
        [
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'
        ],
    ),
    (
        {"resources": {"requests": {"cpu": "-1"}}},
        [f'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": {NOT_NEGATIVE}'],
    ),
    (
        {"resources": {"requests": {"disk": "1"}}},
        [
            'spec.containers[0].resources.requests: Invalid value: "disk": must be a standard resource type or fully'
            " qualified",
            'spec.containers[0].resources.requests: Invalid value: "disk": must be a standard resource for containers',
        ],
    ),
    (
        {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ),
    ({"env": [{"name": ""}]}, ["spec.containers[0].env[0].name: Required value"]),
    (
        {"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}},
        [
            "spec.containers[0].lifecycle.preStop.sleep.seconds: Invalid value: 31: must be greater than 0 and less"
            " than terminationGracePeriodSeconds (30)"
        ],
    ),
    (
        {"restartPolicy": "Always"},
        ["spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"],
    ),
]


@pytest.mark.parametrize(("more", "expected"), CONTAINERS)
def test_containers(more: Object, expected: list[str]) -> None:
    assert problems(container(**more)) == expected


PODS = [
    (
        {"restartPolicy": "Sometimes"},
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always",',
    ),
    (
        {"terminationGracePeriodSeconds": -1},
        f"spec.terminationGracePeriodSeconds: Invalid value: -1: {NOT_NEGATIVE}",
    ),
    (
        {"dnsPolicy": "None"},
        "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver",
    ),
    ({"volumes": [{"name": "v"}, {"name": "v"}]}, 'spec.volumes[1].name: Duplicate value: "v"'),
    (
        {"volumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]},
        "spec.volumes[0].secret: Forbidden: may",
    ),
    ({"nodeSelector": {"-": "x"}}, 'spec.nodeSelector: Invalid value: "-": name part must consist'),
    ({"readinessGates": [{"conditionType": "a b"}]}, "spec.readinessGates[0].conditionType: Invalid value"),
    (
        {"tolerations": [{"key": "a", "effect": "Never"}]},
        'spec.tolerations[0].effect: Unsupported value: "Never"',
    ),
    (
        {"tolerations": [{"operator": "Equal"}]},
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be',
    ),
    ({"initContainers": [{"name": "c", "image": "i"}]}, 'spec.containers[0].name: Duplicate value: "c"'),
    (
        {"initContainers": [{"name": "x", "image": "i", "readinessProbe": PROBE}]},
        "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without",
    ),
]


@pytest.mark.parametrize(("more", "expected"), PODS)
def test_pods(more: Object, expected: str) -> None:
    told = problems(pod(**copy.deepcopy(more)))
    assert len(told) == 1
    assert told[0].startswith(expected)


DEPLOYMENTS = [
    (
        {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "0%"}}},
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "many"}}},
        'spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": a valid percent string must be',
    ),
    (
        {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ),
    (
        {"strategy": {"type": "X"}},
        'spec.strategy.type: Unsupported value: "X": supported values: "Recreate", "RollingUpdate"',
    ),
    (
        {"selector": {}},
        "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil),"
        " MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for deployment",
    ),
    (
        {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
        "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
    ),
    (
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Is"}]}},
        'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    ),
]


@pytest.mark.parametrize(("more", "expected"), DEPLOYMENTS)
def test_deployments(more: Object, expected: str) -> None:
    told = problems(deployment(**copy.deepcopy(more)))
    assert len(told) == 1
    assert told[0].startswith(expected)


def test_a_deployments_pods_are_always_restarted() -> None:
    value = deployment()
    value["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    expected = 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'
    assert problems(value) == [expected]


def test_a_selector_stays() -> None:
    old, new = defaulted(deployment()), defaulted(deployment(selector={"matchLabels": {"a": "b"}}))
    new["spec"]["template"]["metadata"]["labels"] = {"a": "b"}
    with pytest.raises(ApiError) as caught:
        validate_update("Deployment", old, new)
    assert caught.value.message == (
        'Deployment.apps "nginx" is invalid: spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]'
        'string{"a":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable'
    )


SERVICES = [
    ({"ports": []}, "spec.ports: Required value"),
    (
        {"ports": [{"port": 0, "targetPort": 1}]},
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ),
    ({"ports": [{"port": 1, "name": "a"}, {"port": 2}]}, "spec.ports[1].name: Required value"),
    ({"type": "X"}, 'spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName",'),
    (
        {"clusterIP": "x"},
        'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7',
    ),
    (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
        "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid"
        " ports is 30000-32767",
    ),
    (
        {"ports": [{"port": 80, "nodePort": 30000}]},
        "spec.ports[0].nodePort: Forbidden: may not be used when `type` is",
    ),
    ({"type": "ExternalName"}, "spec.externalName: Required value"),
    (
        {"ports": [{"port": 80, "targetPort": "80"}]},
        'spec.ports[0].targetPort: Invalid value: "80": must contain at least',
    ),
]


@pytest.mark.parametrize(("more", "expected"), SERVICES)
def test_services(more: Object, expected: str) -> None:
    told = problems(service(**copy.deepcopy(more)))
    assert len(told) == 1
    assert told[0].startswith(expected)


def test_a_services_address_stays() -> None:
    old, new = defaulted(service(clusterIP="10.0.0.1")), defaulted(service(clusterIP="None"))
    with pytest.raises(ApiError) as caught:
        validate_update("Service", old, new)
    assert caught.value.message == (
        'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: []string{"None"}: may not change once set'
    )


def ingress(**path: Any) -> Object:
    backend = {"service": {"name": "nginx", "port": {"number": 80}}}
    spec = {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend, **path}]}}]}
    metadata = {"name": "i", "namespace": "default"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


PATH = "spec.rules[0].http.paths[0]"
INGRESSES = [
    ({}, []),
    ({"pathType": None}, [f"{PATH}.pathType: Required value: pathType must be specified"]),
    ({"path": "x"}, [f'{PATH}.path: Invalid value: "x": must be an absolute path']),
    ({"path": "/a//b"}, [f"{PATH}.path: Invalid value: \"/a//b\": must not contain '//'"]),
    ({"backend": {}}, [f"{PATH}.backend: Required value: a service or a resource must be specified"]),
    (
        {"backend": {"service": {"name": "a"}}},
        [f"{PATH}.backend: Required value: port name or number is required"],
    ),
    (
        {"pathType": "Regex"},
        [
            f'{PATH}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific",'
            ' "Prefix"'
        ],
    ),
]


@pytest.mark.parametrize(("path", "expected"), INGRESSES)
def test_ingresses(path: Object, expected: list[str]) -> None:
    assert problems(ingress(**path)) == expected


def test_an_ingress_without_rules() -> None:
    value = ingress()
    value["spec"] = {}
    assert problems(value) == [
        "spec: Invalid value: []string{}: either `defaultBackend` or `rules` must be specified"
    ]


METADATA = [
    ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
    (
        {"name": "A"},
        'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case',
    ),
    (
        {"namespace": "a.b"},
        'metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label must consist of lower',
    ),
    (
        {"labels": {"a": "b c"}},
        'metadata.labels: Invalid value: "b c": a valid label must be an empty string or',
    ),
    (
        {"annotations": {"a": "x" * 262_144}},
        "metadata.annotations: Too long: may not be more than 262144 bytes",
    ),
    (
        {"finalizers": ["x"]},
        'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor',
    ),
    (
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x"}]},
        "metadata.ownerReferences[0].uid: Invalid",
    ),
]


@pytest.mark.parametrize(("more", "expected"), METADATA)
def test_metadata(more: Object, expected: str) -> None:
    value = pod()
    value["metadata"] |= more
    told = problems(value)
    assert len(told) == 1
    assert told[0].startswith(expected)


def test_metadata_that_stays() -> None:
    old = defaulted(pod())
    old["metadata"] |= {"uid": "u", "deletionTimestamp": "T"}
    new = copy.deepcopy(old)
    new["metadata"] |= {"uid": "v", "finalizers": ["a.b/c"]}
    with pytest.raises(ApiError) as caught:
        validate_update("Pod", old, new)
    assert 'metadata.uid: Invalid value: "v": field is immutable' in caught.value.message
    assert 'found new finalizers []string{"a.b/c"}' in caught.value.message


def test_what_an_update_may_change_of_a_pod() -> None:
    old = defaulted(pod())
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "nginx:2"
    new["spec"]["tolerations"].append({"key": "x", "operator": "Exists"})
    new["metadata"]["labels"] = {"a": "b"}
    validate_update("Pod", old, new)
    new["spec"]["nodeName"] = "elsewhere"
    with pytest.raises(ApiError) as caught:
        validate_update("Pod", old, new)
    assert caught.value.message.startswith(
        'Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than'
        " `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`"
    )
    more = copy.deepcopy(old)
    more["spec"]["containers"].append({**more["spec"]["containers"][0], "name": "d"})
    with pytest.raises(ApiError, match="pod updates may not add or remove containers"):
        validate_update("Pod", old, more)


def kind(name: str, **fields: Any) -> Object:
    return {"kind": name, "metadata": {"name": "x", "namespace": "default"}, **fields}


ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/1"
OTHERS = [
    (
        kind("ConfigMap", data={"a b": "c"}),
        'data[a b]: Invalid value: "a b": a valid config key must consist of',
    ),
    (kind("ConfigMap", data={"a": "x" * 2**20 + "y"}), ": Too long: may not be more than 1048576 bytes"),
    (kind("ConfigMap", binaryData={"a": "?"}), 'binaryData[a]: Invalid value: "?": illegal base64 data'),
    (
        kind("Lease", spec={"leaseDurationSeconds": 0}),
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
    ),
    (
        kind("Event", involvedObject={"namespace": "b"}),
        'involvedObject.namespace: Invalid value: "b": does not match',
    ),
    (
        kind("EndpointSlice", addressType="IPv5"),
        'addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4",',
    ),
    (
        kind("EndpointSlice", addressType="IPv4", endpoints=[{"addresses": ["x"]}]),
        'endpoints[0].addresses[0]: Invalid value: "x": must be a valid IPv4 address',
    ),
    (kind("ControllerRevision", revision=1), "data: Required value: data is mandatory"),
    (kind("TargetGroupBinding", spec={"targetGroupARN": ARN}), "spec.serviceRef: Required value"),
    (
        kind("TargetGroupBinding", spec={"serviceRef": {"name": "a", "port": 80}, "targetGroupARN": "x"}),
        'spec.targetGroupARN: Invalid value: "x": must be a target group\'s ARN',
    ),
    (kind("Endpoints", subsets=[{"ports": []}]), "subsets[0]: Required value: must specify `addresses` or"),
]


@pytest.mark.parametrize(("value", "expected"), OTHERS)
def test_other_kinds(value: Object, expected: str) -> None:
    told = problems(value)
    assert len(told) == 1
    assert told[0].startswith(expected)


def test_nodes() -> None:
    taint = {"key": "a", "effect": "NoSchedule"}
    node = {"kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": [taint, taint]}}
    assert problems(node)[0].endswith("taints must be unique by key and effect pair")
    old = {"kind": "Node", "metadata": {"name": "n"}, "spec": {"providerID": "aws:///a/i-1"}}
    new = {"kind": "Node", "metadata": {"name": "n"}, "spec": {"providerID": "aws:///a/i-2"}}
    with pytest.raises(ApiError, match="node updates may not change providerID"):
        validate_update("Node", old, new)


def test_a_binding_keeps_its_target_group() -> None:
    def binding(arn: str) -> Object:
        return kind(
            "TargetGroupBinding", spec={"serviceRef": {"name": "a", "port": "http"}, "targetGroupARN": arn}
        )

    with pytest.raises(ApiError, match=r"may not change these immutable fields: spec\.targetGroupARN"):
        validate_update("TargetGroupBinding", binding(ARN), binding(ARN + "2"))


def test_immutable_config_maps() -> None:
    old = kind("ConfigMap", data={"a": "b"}, immutable=True)
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        validate_update("ConfigMap", old, kind("ConfigMap", data={"a": "c"}, immutable=True))


def test_unknown_fields() -> None:
    value = deployment(replica=1)
    value["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    found = validate_structure("Deployment", value)
    assert found.types == []
    assert found.unknown == [
        'unknown field "spec.template.spec.containers[0].imag"',
        'unknown field "spec.replica"',
    ]
    assert check_structure("Deployment", value, "Warn") == found.unknown
    assert check_structure("Deployment", value, "Ignore") == []
    with pytest.raises(ApiError) as caught:
        check_structure("Deployment", value, "Strict")
    assert caught.value.code == 400
    assert caught.value.message == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field'
        ' "spec.template.spec.containers[0].imag", unknown field "spec.replica"'
    )


TYPES = [
    ({"replicas": "three"}, "string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ({"replicas": 2.5}, "number 2.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
    (
        {"replicas": 2**31},
        "number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    ({"paused": "yes"}, "string into Go struct field DeploymentSpec.spec.paused of type bool"),
    ({"selector": []}, "array into Go struct field DeploymentSpec.spec.selector of type v1.LabelSelector"),
    (
        {"strategy": {"type": 1}},
        "number into Go struct field DeploymentStrategy.spec.strategy.type of type string",
    ),
    (
        {"selector": {"matchLabels": {"a": True}}},
        "bool into Go struct field LabelSelector.spec.selector.matchLabels.a of type string",
    ),
]


@pytest.mark.parametrize(("more", "expected"), TYPES)
def test_wrong_types(more: Object, expected: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_structure("Deployment", deployment(**more))
    assert caught.value.code == 400
    assert caught.value.message == (
        f'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal {expected}'
    )


def test_what_else_cannot_be_decoded() -> None:
    value = container(resources={"limits": {"cpu": "much"}})
    with pytest.raises(ApiError, match="quantities must match the regular expression"):
        check_structure("Pod", value)
    value = pod()
    value["metadata"]["creationTimestamp"] = "yesterday"
    with pytest.raises(ApiError, match='parsing time "yesterday" as "2006-01-02T15:04:05Z07:00"'):
        check_structure("Pod", value)


def test_warnings() -> None:
    assert warnings_for("Deployment", deployment()) == []
    value = deployment()
    value["spec"]["template"]["spec"] |= {
        "dnsConfig": {"searches": ["a"]},
        "hostNetwork": True,
        "hostname": "a",
    }
    told = warnings_for("Deployment", value)
    assert told == [
        f"spec.template.spec.{name}: this emulator does not act on it: {NOT_EMULATED[name]}"
        for name in ("hostNetwork", "hostname")
    ] + [
        "spec.template.spec.dnsConfig.searches: this emulator does not act on it: "
        "names are asked for as they stand, of the nameservers"
    ]
    value = deployment()
    value["spec"]["template"]["spec"] |= {
        "affinity": {"nodeAffinity": {"x": []}, "podAntiAffinity": {"x": []}}
    }
    told = warnings_for("Deployment", value)
    assert [each.split(": ")[0] for each in told] == ["spec.template.spec.affinity.podAntiAffinity"]
    probe = {"grpc": {"port": 1}}
    told = warnings_for(
        "Pod", container(livenessProbe=probe, env=[{"name": "A", "valueFrom": {"secretKeyRef": {}}}])
    )
    assert [each.split(": ")[0] for each in told] == [
        "spec.containers[0].env[0].valueFrom",
        "spec.containers[0].livenessProbe.grpc",
    ]
    assert warnings_for("ConfigMap", kind("ConfigMap")) == []


def test_defaults_cause_no_warnings() -> None:
    for value in (pod(), deployment(), service()):
        assert warnings_for(value["kind"], defaulted(value)) == []
