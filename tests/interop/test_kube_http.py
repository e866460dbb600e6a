"""The API server's HTTP, as other programs than kubectl see it; one of them is the Python client."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import kubernetes
import pytest
import pytest_asyncio
import yaml

from tests.interop.kube_world import PATIENCE_S, READ_ONLY, Cluster, cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Http:
    """An HTTP client with the administrator's token."""

    def __init__(self, kube: Cluster, session: aiohttp.ClientSession) -> None:
        self.kube, self.session = kube, session
        config = yaml.safe_load(kube.kubeconfig.read_text())
        self.token = config["users"][0]["user"]["token"]

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """The code, the body (decoded if it is JSON), and the headers."""
        token = self.token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        data = json.dumps(body) if isinstance(body, dict | list) else body
        if isinstance(body, dict | list):
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.kube.url + path, data=data, headers=sent) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json and text else text, answer.headers

    async def watch(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        return await self.session.get(self.kube.url + path, headers=sent)


async def event(answer: aiohttp.ClientResponse) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await answer.content.readline())


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Http]:
    async with cluster(tmp_path_factory.mktemp("kube")) as kube:
        context = ssl.create_default_context(cafile=str(kube.world.directory / "ca.pem"))
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Http(kube, session)


async def test_the_kubeconfig_is_private(http: Http):
    assert http.kube.kubeconfig.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_health_needs_no_token(http: Http, path: str):
    assert (await http.ask("GET", path, token=""))[:2] == (200, "ok")


@pytest.mark.parametrize("token", ["", "guess"])
async def test_everything_else_does(http: Http, token: str):
    code, status, _ = await http.ask("GET", "/api/v1/pods", token=token)
    assert (code, status["reason"], status["message"]) == (401, "Unauthorized", "Unauthorized")


async def test_a_viewer_may_look_only(http: Http):
    assert (await http.ask("GET", "/api/v1/pods", token=READ_ONLY))[0] == 200
    code, status, _ = await http.ask("DELETE", "/api/v1/nodes/n", token=READ_ONLY)
    words = 'nodes "n" is forbidden: User "viewer" cannot delete resource "nodes" in API group "" at the cluster scope'
    assert (code, status["message"]) == (403, words)


async def test_discovery_old_and_new(http: Http):
    _, groups, _ = await http.ask("GET", "/apis")
    assert "apps" in [group["name"] for group in groups["groups"]]
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    code, listed, headers = await http.ask("GET", "/apis", Accept=accept)
    assert (code, listed["kind"], listed["apiVersion"]) == (
        200,
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
    )
    assert headers["Content-Type"] == accept.split(",")[0]
    assert headers["Vary"] == "Accept"
    assert (await http.ask("GET", "/apis", Accept=accept, If_None_Match=headers["ETag"]))[0] == 304
    older = accept.replace("v=v2", "v=v2beta1")
    assert (await http.ask("GET", "/api", Accept=older))[1]["apiVersion"] == "apidiscovery.k8s.io/v2beta1"


async def test_every_resource_of_discovery_can_be_listed(http: Http):
    _, groups, _ = await http.ask("GET", "/apis")
    roots = ["/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups["groups"])]
    for root in roots:
        _, listed, _ = await http.ask("GET", root)
        for resource in listed["resources"]:
            if "list" in resource["verbs"]:
                code, objects, _ = await http.ask("GET", f"{root}/{resource['name']}")
                assert (code, objects["kind"]) == (200, f"{resource['kind']}List")


async def test_the_schema_is_linked_with_its_hash(http: Http):
    _, index, _ = await http.ask("GET", "/openapi/v3")
    link = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    code, document, headers = await http.ask("GET", link)
    assert code == 200 and "io.k8s.api.apps.v1.Deployment" in document["components"]["schemas"]
    assert headers["ETag"].strip('"') in link


async def test_forms_of_an_answer(http: Http):
    await http.ask("POST", CONFIG_MAPS, config_map("forms", a="b"))
    path = f"{CONFIG_MAPS}/forms"
    _, table, _ = await http.ask("GET", path, Accept=TABLE)
    assert table["kind"] == "Table" and table["rows"][0]["cells"][:2] == ["forms", 1]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    _, table, _ = await http.ask("GET", f"{CONFIG_MAPS}?includeObject=Object", Accept=TABLE)
    assert {row["object"]["kind"] for row in table["rows"]} == {"ConfigMap"}
    partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    _, listed, _ = await http.ask("GET", CONFIG_MAPS, Accept=partial)
    assert listed["kind"] == "PartialObjectMetadataList" and "data" not in listed["items"][0]
    _, text, headers = await http.ask("GET", path, Accept="application/yaml")
    assert headers["Content-Type"] == "application/yaml" and yaml.safe_load(text)["data"] == {"a": "b"}
    protobuf = "application/vnd.kubernetes.protobuf"
    assert (await http.ask("GET", path, Accept=f"{protobuf},application/json"))[0] == 200
    code, status, _ = await http.ask("GET", path, Accept=protobuf)
    assert (code, status["reason"]) == (406, "NotAcceptable")


async def test_yaml_is_taken_in(http: Http):
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: dated}, data: {when: '2024-01-01'}}"
    code, made, _ = await http.ask("POST", CONFIG_MAPS, text, Content_Type="application/yaml")
    assert (code, made["data"]) == (201, {"when": "2024-01-01"})
    unquoted = text.replace("'", "").replace("dated", "undated")
    code, made, _ = await http.ask("POST", CONFIG_MAPS, unquoted, Content_Type="application/yaml")
    assert (code, made["data"]) == (201, {"when": "2024-01-01"}), "a date is text"


@pytest.mark.parametrize(
    ("data", "content_type", "code", "words"),
    [
        ("{", "application/json", 400, "json parse error"),
        ('{"a": NaN}', "application/json", 400, "json parse error"),
        ("[]", "application/json", 400, "the object provided is unrecognized"),
        ("a: [", "application/yaml", 400, "error converting YAML to JSON: yaml: line "),
        ("a: &a [*a]", "application/yaml", 400, "excessive aliasing"),
        ("x", "text/plain", 415, "accepted media types include: application/json"),
        (b"k8s\x00\xff", "application/vnd.kubernetes.protobuf", 400, "EOF"),
        (
            io.BytesIO(b"x" * (3 * 1024 * 1024 + 1)),
            "application/json",
            413,
            "Request entity too large: limit is 3145728",
        ),
        (
            '{"apiVersion": "v1", "kind": "Pod"}',
            "application/json",
            400,
            'Pod in version "v1" cannot be handled as',
        ),
        (
            '{"kind": "ConfigMap", "metadata": {"name": "x", "namespace": "y"}}',
            "application/json",
            400,
            "namespace",
        ),
    ],
)
async def test_bodies_that_are_none(http: Http, data: Any, content_type: str, code: int, words: str):
    got, status, _ = await http.ask("POST", CONFIG_MAPS, data, Content_Type=content_type)
    assert (got, status["kind"], words in status["message"]) == (code, "Status", True), status


@pytest.mark.parametrize("content_type", ["application/json", "application/yaml"])
async def test_what_could_not_be_told_again_is_not_taken_in(http: Http, content_type: str):
    name = f"odd-{content_type[-4:]}"
    data = '{"kind": "ControllerRevision", "metadata": {"name": "%s"}, "revision": 1, "data": %s}'
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"
    odd = data % (name, '{"half": "\\ud800", "big": 1180591620717411303424, "deep": [[[]]]}')
    code, made, _ = await http.ask("POST", path, odd, Content_Type=content_type)
    assert (code, made["data"]) == (201, {"half": "\ufffd", "big": 2.0**70, "deep": [[[]]]})
    code, _, _ = await http.ask("POST", path, data % ("x", "1e999"), Content_Type=content_type)
    assert code == 400
    code, _, _ = await http.ask("POST", path, data % ("y", "[" * 300 + "]" * 300), Content_Type=content_type)
    assert code == 400
    assert (await http.ask("GET", f"{path}/{name}"))[1] == made


async def test_unknown_fields_are_warned_of(http: Http):
    body = {**config_map("warned"), "colour": "red"}
    code, made, headers = await http.ask("POST", f"{CONFIG_MAPS}?fieldValidation=Warn", body)
    assert (code, headers["Warning"]) == (201, '299 - "unknown field \\"colour\\""')
    assert "colour" not in made


@pytest.mark.parametrize(
    ("method", "path", "code", "words"),
    [
        ("GET", "/nowhere", 404, "the server could not find the requested resource"),
        ("GET", "/apis/apps/v1/jobs", 404, "the server could not find the requested resource"),
        ("GET", "/api/v1/pods/x", 404, "the server could not find the requested resource"),
        (
            "GET",
            "/api/v1/namespaces/default/pods/x/exec",
            404,
            "the server could not find the requested resource",
        ),
        ("GET", "/api/v1/namespaces/default/pods/x", 404, 'pods "x" not found'),
        (
            "POST",
            "/api/v1/namespaces/default/pods/x",
            405,
            'post is not supported on resources of kind "pods"',
        ),
        ("PUT", "/api/v1/namespaces/default/pods", 405, 'put is not supported on resources of kind "pods"'),
        ("DELETE", "/api/v1/pods", 405, 'delete is not supported on resources of kind "pods"'),
        ("PATCH", "/api/v1/namespaces/default/pods/x", 415, "accepted media types include"),
    ],
)
async def test_paths_and_verbs_that_are_none(http: Http, method: str, path: str, code: int, words: str):
    got, status, _ = await http.ask(method, path, {} if method != "GET" else None)
    assert (got, words in status["message"]) == (code, True), status


async def test_a_watch_is_a_stream_of_lines(http: Http):
    _, listed, _ = await http.ask("GET", CONFIG_MAPS)
    version = listed["metadata"]["resourceVersion"]
    async with await http.watch(
        f"{CONFIG_MAPS}?watch=1&resourceVersion={version}&labelSelector=a%3Db"
    ) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        await http.ask("POST", CONFIG_MAPS, config_map("quiet"))
        await http.ask(
            "POST", CONFIG_MAPS, {**config_map("seen"), "metadata": {"name": "seen", "labels": {"a": "b"}}}
        )
        first = await event(answer)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "seen")
        patch = {"metadata": {"labels": {"a": "c"}}}
        await http.ask("PATCH", f"{CONFIG_MAPS}/seen", patch, Content_Type="application/merge-patch+json")
        left = await event(answer)
        assert (left["type"], left["object"]["metadata"]["labels"]) == ("DELETED", {"a": "b"})
        assert int(left["object"]["metadata"]["resourceVersion"]) > int(
            first["object"]["metadata"]["resourceVersion"]
        )


async def test_a_watch_of_tables_tells_the_columns_once(http: Http):
    path = f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1"
    for name in ("row-1", "row-2"):
        await http.ask("POST", CONFIG_MAPS, config_map(name))
    async with await http.watch(path, Accept=TABLE) as answer:
        events = [json.loads(line) for line in (await answer.read()).splitlines()]
    assert {each["object"]["kind"] for each in events} == {"Table"} and len(events) >= 2
    assert [bool(each["object"]["columnDefinitions"]) for each in events] == [True] + [False] * (
        len(events) - 1
    )


async def test_a_watch_list_ends_its_beginning_with_a_bookmark(http: Http):
    query = "watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    async with await http.watch(f"/api/v1/namespaces?{query}") as answer:
        events = [json.loads(line) for line in (await answer.read()).splitlines()]
    assert [each["type"] for each in events[:5]] == ["ADDED"] * 4 + ["BOOKMARK"]
    metadata = events[4]["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(metadata["resourceVersion"]) >= 4


async def test_the_python_client_lists_creates_and_watches(http: Http):
    def client() -> list[tuple[str, str]]:
        api_client = kubernetes.config.new_client_from_config(str(http.kube.kubeconfig))
        with api_client:
            core = kubernetes.client.CoreV1Api(api_client)
            apps = kubernetes.client.AppsV1Api(api_client)
            assert "default" in [each.metadata.name for each in core.list_namespace().items]
            template = {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            }
            spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
            apps.create_namespaced_deployment("default", {"metadata": {"name": "of-python"}, "spec": spec})
            apps.patch_namespaced_deployment_scale("of-python", "default", {"spec": {"replicas": 7}})
            deployment = apps.read_namespaced_deployment("of-python", "default")
            assert deployment.spec.replicas == 7 and deployment.spec.strategy.type == "RollingUpdate"
            version = core.list_namespaced_config_map("default").metadata.resource_version
            core.create_namespaced_config_map("default", {"metadata": {"name": "of-python"}})
            core.delete_namespaced_config_map("of-python", "default")
            watch = kubernetes.watch.Watch()
            seen = []
            list_all = core.list_namespaced_config_map
            for each in watch.stream(list_all, "default", resource_version=version, timeout_seconds=10):
                seen.append((each["type"], each["object"].metadata.name))
                if len(seen) == 2:
                    watch.stop()
            return seen

    told = await asyncio.to_thread(client)
    assert told == [("ADDED", "of-python"), ("DELETED", "of-python")]
