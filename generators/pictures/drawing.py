"""A style's text as the picture that suits it; the libraries are loaded when one is drawn."""

from generators.pictures.picture import Picture
from generators.plugin import Plugin


def draw(plugin: Plugin, text: str) -> Picture:
    """Return `text` on a card, as a typeset page or as code in colours, as the plugin's manifest says.

    Raise UserError where it cannot be drawn: too long, a character no font has, no TeX on this machine.
    """
    kind = plugin.manifest.picture
    if kind == "card":
        from generators.pictures import card

        return card.draw(text, f"apocrypha / {plugin.name}")
    if kind == "latex":
        from generators.pictures import latex

        return latex.draw(text)
    from generators.pictures import code

    return code.draw(text, kind)
