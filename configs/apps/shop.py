"""A little shop: an ordinary aiohttp application that asks another Service whether things are in stock.

`image: asyncio://shop:app` runs it in a pod; see shop.yaml beside it, and docs/own-app.md.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from journey import pod

log = logging.getLogger("shop")
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

PRICES = {"apple": 1.20, "bread": 3.40, "cheese": 7.90}
WAREHOUSE = web.AppKey("warehouse", ClientSession)
CURRENCY = os.environ.get("CURRENCY", "EUR")  # `env` of the manifest


async def items(request: web.Request) -> web.Response:
    """What there is, and who says so."""
    return web.json_response({"items": PRICES, "currency": CURRENCY, "pod": pod.name()})


async def item(request: web.Request) -> web.Response:
    """One thing; the warehouse is asked, over the emulated network, by the Service's cluster IP."""
    name = request.match_info["name"]
    if name not in PRICES:
        raise web.HTTPNotFound(text=f"there is no {name}\n")
    try:
        in_stock = await ask_warehouse(request.app, name)
    except (ClientError, TimeoutError) as error:
        log.warning("the warehouse does not answer: %s", error)
        raise web.HTTPServiceUnavailable(text="the warehouse is closed\n") from None
    await asyncio.sleep(0.005)  # what it takes to look at the price list
    return web.json_response({"item": name, "price": PRICES[name], "in_stock": in_stock})


async def ask_warehouse(app: web.Application, name: str) -> bool:
    """Whether there is some: the Service `nginx` plays the warehouse, and has never heard of anything (404)."""
    url = f"http://{pod.environ()['NGINX_SERVICE_HOST']}:{pod.environ()['NGINX_SERVICE_PORT']}/stock/{name}"
    async with app[WAREHOUSE].get(url) as answer:
        return answer.status < 500


async def started(request: web.Request) -> web.Response:
    """For the startup probe: open when the warehouse can be reached, for kube-proxy may not know the way yet."""
    try:
        await ask_warehouse(request.app, "anything")
    except (ClientError, TimeoutError):
        raise web.HTTPServiceUnavailable from None
    return web.Response(text="ok\n")


async def healthy(request: web.Request) -> web.Response:
    """For the readiness probe and the load balancer: it would not help to close the shop for the warehouse's sake."""
    return web.Response(text="ok\n")


async def warehouse(app: web.Application) -> AsyncIterator[None]:
    """The session lives as long as the application."""
    app[WAREHOUSE] = pod.session(timeout=ClientTimeout(total=1))
    print(f"{pod.name()} is open, prices in {CURRENCY}")
    yield
    await app[WAREHOUSE].close()
    print(f"{pod.name()} is closed")


def app() -> web.Application:
    """What `asyncio://shop:app` calls for the application."""
    made = web.Application()
    made.cleanup_ctx.append(warehouse)
    made.add_routes(
        [
            web.get("/", items),
            web.get("/items/{name}", item),
            web.get("/started", started),
            web.get("/healthz", healthy),
        ]
    )
    return made
