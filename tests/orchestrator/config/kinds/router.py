"""A router with as many ports as it is given, for tests of world files."""

from collections.abc import Iterable

from actors.element import Claim, Element, ElementConfig


class Config(ElementConfig):
    interfaces: dict[str, str]

    def port_names(self) -> Iterable[str]:
        return self.interfaces

    def claims(self) -> Iterable[Claim]:
        for name, address in self.interfaces.items():
            yield Claim("address", address, ("interfaces", name))
            yield Claim("subnet", address, ("interfaces", name))


class Router(Element):
    def on_frame(self, port: str, frame: bytes) -> None: ...
