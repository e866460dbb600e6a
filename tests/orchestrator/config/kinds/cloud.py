"""Address space that is divided into subnets, for tests of world files."""

from collections.abc import Iterable

from actors.element import Claim, Element, ElementConfig


class Config(ElementConfig):
    cidr: str
    subnets: dict[str, str]
    ports: tuple[str, ...] = ()

    def port_names(self) -> Iterable[str]:
        return self.ports

    def claims(self) -> Iterable[Claim]:
        yield Claim("subnet", self.cidr, ("cidr",))
        for name, cidr in self.subnets.items():
            yield Claim("subnet", cidr, ("subnets", name))


class Cloud(Element):
    def on_frame(self, port: str, frame: bytes) -> None: ...
