"""The engine that all verbs and frontends of a process write with, as the settings say."""

import sys

from bot.settings import Settings
from generators.engine import Engine
from generators.registry import Registry
from generators.voice import Voice, open_voice

PATIENCE = 0.0001  # seconds that a voice's thread, which has a thousand steps a second to take, waits for another one


def open_engine(settings: Settings, registry: Registry) -> Engine:
    """Return an engine of the registry's voices. It asks the registry again for each that has changed."""

    def opened(style: str) -> Voice:
        plugin = registry.get(style)
        return open_voice(plugin, settings.models, settings.cache, settings.places, settings.cores)

    sys.setswitchinterval(PATIENCE)
    return Engine(opened, megabytes=settings.memory)
