"""An application of one's own in a pod: `image: asyncio://module:app`, on the virtual clock."""

import signal
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from actors.protocols.kubelet.images import parse
from orchestrator.pki import make_authority
from tests.elements.alb_bed import GET
from tests.elements.test_nginx_pod import POD, Bed, request

HELLO = """
import aiohttp, asyncio, logging, os, sys
from aiohttp import web
from journey import pod

log = logging.getLogger("hello")
for each in (log, logging.getLogger("aiohttp.server")):
    each.handlers[:] = [logging.StreamHandler()]
    each.propagate = False
GREETING, ARGV = os.environ["GREETING"], sys.argv[1:]
TICKS = web.AppKey("ticks", asyncio.Task)
served = 0

async def hello(request):
    global served
    served += 1
    print("served", served)
    log.warning("logged %d", served)
    return web.Response(text=f"{GREETING} {pod.name()} {pod.args()} {ARGV} {served}")

async def slow(request):
    await asyncio.sleep(3)
    return web.Response(text="at last")

async def broken(request):
    raise ValueError("what a pity")

async def exits(request):
    sys.exit(3)

async def real(request):
    try:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", 9)
    except PermissionError as error:
        return web.Response(text=error.strerror)

async def named(request):
    async with aiohttp.ClientSession() as session:
        try:
            await session.get("http://packet-journey.com/")
        except aiohttp.ClientConnectorError as error:
            return web.Response(text=str(error))

async def begin(app):
    app[TICKS] = asyncio.create_task(tick())

async def tick():
    while True:
        await asyncio.sleep(10)
        print("tick")

async def end(app):
    print("cleaned up")

def app():
    made = web.Application()
    made.on_startup.append(begin)
    made.on_cleanup.append(end)
    for handler in (hello, slow, broken, exits, real, named):
        made.router.add_get("/" + ("" if handler is hello else handler.__name__), handler)
    return made
"""


class AppBed(Bed):
    """A pod whose container runs code of a folder."""

    def __init__(self, directory: Path, code: str = HELLO, module: str = "hello_app") -> None:
        super().__init__(directory)
        self.folder = directory / "apps"
        self.folder.mkdir()
        (self.folder / f"{module}.py").write_text(code)
        self.module = module

    async def start_app(self, *args: str, app: str = "app", env: Any = None, **place: Any) -> Any:
        self.ids += 1
        return await self.call(
            "start_container",
            name="app",
            container_id=f"id-{self.ids}",
            image={"program": "app", "app": f"{self.module}:{app}"},
            command=[],
            args=list(args),
            env={"GREETING": "hello"} if env is None else env,
            log_path=f"logs/pods/app/{self.ids - 1}.log",
            app={"folder": str(self.folder), "ports": [8080], **place},
        )

    async def get(self, path: str = "/", **fields: str) -> tuple[int, str]:
        talk = await self.connect(8080)
        response = await talk.ask(
            request(f"GET {path}", *(f"{name}: {value}" for name, value in fields.items()))
        )
        talk.transport.close()
        return response.status, b"".join(response.body).decode()


def play(bed: AppBed, story: Any) -> Any:
    async def whole() -> Any:
        assert await bed.start_app("--fast") == {"started": True}
        await bed.sleep(0.1)
        return await story()

    return bed.run(whole(), nginx=False)


def test_it_serves_with_its_environment_and_arguments_and_what_it_says_is_logged(tmp_path):
    bed = AppBed(tmp_path)

    async def story() -> Any:
        answers = [await bed.get(), await bed.get(), await bed.get("/nowhere")]
        await bed.call("flush_logs")
        return answers

    answers = play(bed, story)
    assert answers[0] == (200, "hello nginx-0 ['--fast'] ['--fast'] 1")
    assert answers[1][1].endswith(" 2") and answers[2][0] == 404
    assert bed.lines("app") == [
        "stdout served 1", "stderr logged 1", "stdout served 2", "stderr logged 2",
    ]  # fmt: skip


def test_two_containers_share_nothing_and_a_restart_reads_the_file_again(tmp_path):
    bed = AppBed(tmp_path)

    async def story() -> Any:
        await bed.get()
        await bed.signal(signal.SIGKILL, "app")
        code = bed.folder / "hello_app.py"
        code.write_text(code.read_text().replace("{GREETING}", "{GREETING} again"))
        assert await bed.start_app(env={"GREETING": "hi"}) == {"started": True}
        await bed.sleep(0.1)
        return await bed.get()

    assert play(bed, story)[1] == "hi again nginx-0 [] [] 1"


def test_sigterm_lets_requests_end_and_cleans_up_and_what_it_began_ends(tmp_path):
    bed = AppBed(tmp_path)

    async def story() -> None:
        talk = await bed.connect(8080)
        talk.transport.write(request("GET /slow"))
        await bed.sleep(1)
        await bed.signal(signal.SIGTERM, "app")
        await bed.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await bed.connect(8080)
        assert not bed.node.ends
        response = await talk.response()
        assert b"".join(response.body) == b"at last"
        await bed.sleep(30)

    play(bed, story)
    assert bed.node.ends == [("app", "id-1", 0)]
    assert bed.lines("app") == ["stdout cleaned up"]  # and no tick


def test_errors_of_handlers_are_500_with_a_traceback_in_the_log_and_exit_ends_it(tmp_path):
    bed = AppBed(tmp_path)

    async def story() -> Any:
        statuses = [(await bed.get(path))[0] for path in ("/broken", "/exits")]
        await bed.sleep(1)
        return statuses

    assert play(bed, story) == [500, 503]
    assert bed.node.ends == [("app", "id-1", 3)]
    assert "stderr ValueError: what a pity" in bed.lines("app")


def test_real_sockets_are_refused_with_what_to_use_instead(tmp_path):
    bed = AppBed(tmp_path)

    async def story() -> Any:
        return [await bed.get("/real"), await bed.get("/named")]

    for _, text in play(bed, story):
        assert "the emulated network only: use journey.pod.session()" in text


@pytest.mark.parametrize(
    ("app", "module", "why"),
    [
        ("app", "no_such_app", "there is no module no_such_app: neither in "),
        ("application", "hello_app", "has no attribute 'application'"),
        (
            "app",
            "bad_app",
            "import of bad_app failed: ZeroDivisionError: division by zero (bad_app.py, line 2)",
        ),
        (
            "app",
            "needs_app",
            "import of needs_app failed: ModuleNotFoundError: No module named 'not_installed_here'",
        ),
        ("app", "exit_app", "import of exit_app failed: SystemExit: 4"),
    ],
)
def test_what_cannot_be_imported_cannot_be_started(tmp_path, app, module, why):
    bed = AppBed(tmp_path)
    (bed.folder / "bad_app.py").write_text("x = 1\ny = x / 0\n")
    (bed.folder / "needs_app.py").write_text("import not_installed_here\n")
    (bed.folder / "exit_app.py").write_text("import sys\nsys.exit(4)\n")
    bed.module = module
    answer = bed.run(bed.start_app(app=app), nginx=False)
    assert answer["exit_code"] == 128
    assert answer["error"].startswith(f"failed to start app {module}:{app}: ")
    assert why in answer["error"]
    assert bed.lines("app")[-1].startswith("stderr ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "app = 5",
            "TypeError: the app must be an aiohttp.web.Application, or give one when called; it is a int",
        ),
        ("async def app():\n    raise OSError('no disk')", "OSError: no disk"),
    ],
)
def test_what_fails_as_it_starts_ends_with_1_and_says_why(tmp_path, code, said):
    bed = AppBed(tmp_path, code)

    async def story() -> None:
        assert await bed.start_app() == {"started": True}
        await bed.sleep(1)

    bed.run(story(), nginx=False)
    assert bed.node.ends == [("app", "id-1", 1)]
    assert bed.lines("app")[-1] == f"stderr {said}"


def test_the_application_may_be_made_by_a_coroutine_or_stand_there(tmp_path):
    code = "from aiohttp import web\nplain = web.Application()\nasync def made():\n    return web.Application()\n"
    bed = AppBed(tmp_path, code)

    async def story() -> Any:
        statuses = []
        for app in ("plain", "made"):
            await bed.start_app(app=app)
            await bed.sleep(0.1)
            statuses.append((await bed.get())[0])
            await bed.signal(signal.SIGKILL, "app")
        return statuses

    assert bed.run(story(), nginx=False) == [404, 404]


MISBEHAVIOUR: list[tuple[dict[str, str], int, float]] = [
    ({"latency": "200ms"}, 200, 0.2),
    ({"errors": "on", "error_status": "503"}, 503, 0.0),
    ({"service_time": "50ms"}, 200, 0.05),
]


@pytest.mark.parametrize(("settings", "status", "took_s"), MISBEHAVIOUR)
def test_it_misbehaves_as_nginx_does(tmp_path, settings, status, took_s):
    bed = AppBed(tmp_path)

    async def story() -> Any:
        await bed.call("set", **settings)
        began_s = bed.now_s
        return (await bed.get())[0], bed.now_s - began_s

    got, took = play(bed, story)
    assert got == status and took_s <= took < took_s + 0.005


@pytest.mark.parametrize("mode", ["stall", "close", "reset"])
def test_no_answer(tmp_path, mode):
    bed = AppBed(tmp_path)

    async def story() -> None:
        await bed.call("set", **{mode: "on"})
        talk = await bed.connect(8080)
        talk.transport.write(GET)
        await bed.sleep(1)
        assert talk.transport.is_closing() == (mode != "stall")
        talk.transport.close()
        await bed.sleep(1)
        await bed.call("set", **{mode: "off"})
        assert (await bed.get())[0] == 200
        await bed.call("set", refuse="on")
        with pytest.raises(ConnectionRefusedError):
            await bed.get()
        await bed.call("set", refuse="off")
        assert (await bed.get())[0] == 200

    play(bed, story)


CALLER = """
from aiohttp import web
from journey import pod

async def call(request):
    async with pod.session() as session:
        try:
            async with session.get(request.query["url"]) as answer:
                return web.Response(text=f"{answer.status} {await answer.text()}")
        except OSError as error:
            return web.Response(text=str(error))

async def stream(request):
    reader, writer = await pod.open_connection("other", 8080)
    writer.write(b"GET /time HTTP/1.0\\r\\n\\r\\n")
    told = await reader.read()
    writer.close()
    return web.Response(body=told)

async def time(request):
    return web.Response(text=f"{pod.time():.0f} {pod.random().random()}")

app = web.Application()
app.add_routes([web.get("/", call), web.get("/stream", stream), web.get("/time", time)])
"""


def test_it_calls_others_by_the_names_that_its_pod_has(tmp_path):
    bed = AppBed(tmp_path, CALLER)

    async def story() -> Any:
        await bed.start_app(hosts={"other": POD})
        await bed.sleep(0.1)
        return [
            (await bed.get("/?url=http://other:8080/time"))[1],
            (await bed.get("/stream"))[1],
            (await bed.get("/?url=http://elsewhere/"))[1],
            (await bed.get("/?url=http://other:99/"))[1],
        ]

    told, stream, unknown, refused = bed.run(story(), nginx=False)
    assert told.startswith("200 1767225600 0.")
    assert stream.endswith(told.split()[-1]) or " 0." in stream
    assert "elsewhere cannot be resolved: there is no DNS in the cluster" in unknown
    assert f"other:99 at {POD}" in refused and "refused" in refused


def test_it_trusts_the_emulators_authority(tmp_path):
    bed = AppBed(tmp_path, CALLER)
    make_authority(tmp_path, ["packet-journey.com"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certs" / "packet-journey.com.pem")

    async def hello(request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"over {request.scheme}")

    async def story() -> Any:
        await bed.node.stack.create_server(web.Server(hello), 443, ssl=context)
        hosts = {"packet-journey.com": "10.0.10.10", "www.packet-journey.com": "10.0.10.10"}
        await bed.start_app(hosts=hosts)
        await bed.sleep(0.1)
        good = (await bed.get("/?url=https://packet-journey.com/"))[1]
        return good, (await bed.get("/?url=https://www.packet-journey.com/"))[1]

    good, bad = bed.run(story(), nginx=False)
    assert good == "200 over https"
    assert "certificate is not valid for 'www.packet-journey.com'" in bad


@pytest.mark.parametrize(
    "text", ["asyncio://", "asyncio://shop", "asyncio://shop:", "asyncio://a-b:app", "asyncio://x:y:z"]
)
def test_references_that_are_none(text):
    with pytest.raises(ValueError, match="is followed by module:attribute"):
        parse(text)


def test_references():
    reference = parse("asyncio://my.shop:make.app")
    assert (reference.app, reference.default_policy) == ("my.shop:make.app", "IfNotPresent")
    assert reference.name == "asyncio://my.shop:make.app"
    assert parse("nginx").app is None
