"""What a verb finds where it is run: the settings, and the plugins."""

from typing import TYPE_CHECKING

from bot.arguments import say

if TYPE_CHECKING:
    from bot.settings import Settings
    from generators.registry import Registry


def at_hand() -> "tuple[Settings, Registry]":
    """Return both; plugins that are broken are told of, in a line each."""
    from bot import settings
    from generators import registry

    chosen = settings.load()
    plugins = registry.find(chosen.plugins)
    for line in plugins.faults:
        say(line)
    return chosen, plugins
