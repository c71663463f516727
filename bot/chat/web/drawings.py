"""/pictures: a text as the picture that suits its style."""

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from bot.accounts import Key
from bot.chat.web.faults import RefusedError
from bot.chat.web.house import House
from corpora.errors import UserError
from generators.pictures.drawing import draw

LONGEST = 5_000  # characters of a text that is drawn


class Drawn(BaseModel):
    """A text and whose it is."""

    style: str = Field(max_length=100)
    text: str = Field(min_length=1, max_length=LONGEST)


def routes(house: House) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["pictures"])
    writer = Depends(house.keys.writer)

    @router.post("/pictures", response_class=Response, responses={200: {"content": {"image/png": {}}}})
    def picture(drawn: Drawn, _: Key = writer) -> Response:
        """Draw a text: on a card, typeset, or as code in colours."""
        try:
            plugin = house.registry.get(drawn.style)
        except UserError as error:
            raise RefusedError(404, "model_not_found", str(error)) from error
        return Response(draw(plugin, drawn.text).png, media_type="image/png")

    return router
