"""An element whose file does not load."""

from actors.nowhere import Element


class Broken(Element): ...
