"""AWS's API and somebody who asks it, on the virtual clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.element import Context, Element
from actors.parts.aws.client import AwsClient
from actors.runtime.virtual import VirtualNetwork


class Customer(Element):
    """Somebody with a client."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.client = AwsClient(context, "aws-api", "tester")

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


class World:
    """`aws-api`, and `tester` who asks."""

    def __init__(self, directory: Path | None = None, seed: int = 1, **config: Any) -> None:
        self.net = VirtualNetwork(seed=seed, directory=directory)
        self.net.add("aws-api", "aws_api", config)
        self.net.add_element("tester", Customer)

    @property
    def plane(self) -> Any:
        return self.net.element("aws-api").plane

    async def request(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        client: AwsClient = self.net.element("tester").client
        return await client.request(service, operation, **parameters)

    async def sleep(self, seconds: float) -> None:
        await self.net.host("tester").sleep(seconds)

    def spawn(self, work: Any) -> Any:
        return self.net.host("tester").spawn(work, "beside the story")


def play(story: Callable[[World], Any], directory: Path | None = None, seed: int = 1, **config: Any) -> World:
    world = World(directory, seed, **config)
    world.net.run(story(world))
    return world
