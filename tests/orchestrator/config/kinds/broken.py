"""A file that does not load."""

import actors.nowhere


class Config(actors.nowhere.Config): ...
