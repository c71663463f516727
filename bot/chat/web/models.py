"""/v1/models: the voices there are, and what each is."""

from fastapi import APIRouter

from bot.chat.web.faults import RefusedError
from bot.chat.web.house import House
from bot.chat.web.shapes import Json
from corpora.errors import UserError
from generators.plugin import Plugin
from training import checkpoint


def routes(house: House) -> APIRouter:
    """Return the list and its entries; they take no key, being on the page too."""
    router = APIRouter(prefix="/v1/models", tags=["voices"])

    @router.get("")
    def all_of_them() -> Json:
        """List the voices."""
        plugins = sorted(house.registry.plugins.values(), key=lambda plugin: plugin.name)
        return {"object": "list", "data": [_told(house, plugin) for plugin in plugins]}

    @router.get("/{style}")
    def one(style: str) -> Json:
        """Tell of one voice."""
        try:
            return _told(house, house.registry.get(style))
        except UserError as error:
            raise RefusedError(404, "model_not_found", str(error)) from error

    return router


def _told(house: House, plugin: Plugin) -> Json:
    manifest = plugin.manifest
    folder = plugin.trained_folder(house.models)
    card = checkpoint.read_card(folder) if folder else None
    return {
        "id": plugin.name,
        "object": "model",
        "created": 0,
        "owned_by": plugin.origin,
        "summary": manifest.summary,
        "examples": list(manifest.examples),
        "licence": manifest.corpus.licence,
        "picture": manifest.picture,
        "temperature": manifest.text.temperature,
        "length": manifest.text.length,
        "default": plugin.name == house.style,
        "trained": card is not None,
        "parameters": card.parameters if card else None,
        "nats": card.scores.get("test_int8") if card else None,
    }
