"""What services charge, in dollars: X by its published prices (docs.x.com, X API pricing, 2026), others nothing."""

from decimal import Decimal

POST = Decimal("0.015")  # without a link
METADATA = Decimal("0.005")  # a picture's alt text
READ = Decimal("0.001")  # one of our own posts


def price(platform: str, picture: bool) -> Decimal:
    """Return what a post costs, in the place of a text a picture with its alt text."""
    return POST + METADATA * picture if platform == "x" else Decimal(0)
