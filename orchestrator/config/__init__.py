"""World files: read, checked, and explained when they are wrong."""

from orchestrator.config.default import default_world
from orchestrator.config.errors import ConfigError, ConfigErrors
from orchestrator.config.loader import load_world, read_world
from orchestrator.config.models import ElementSpec, World

__all__ = ["ConfigError", "ConfigErrors", "ElementSpec", "World", "default_world", "load_world", "read_world"]
